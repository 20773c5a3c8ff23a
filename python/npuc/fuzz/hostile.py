# SPDX-License-Identifier: Apache-2.0
"""Damaged files at every front door: each is refused by one clear error with its code, or handled as any other, in bounded time and memory.

    report = search(files, numbers=range(20_000), seed=1, workers=1, folder=Path("hostile"), told=print)

A sound file is damaged in memory (`mutate`). A program that still loads is proved free of races, run and profiled; a network that still
imports is compiled. Whatever else happens than an error of npuc's own tree is a failure, and the file is saved.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npuc.errors import InternalError, NpucError
from npuc.files import write_whole
from npuc.fuzz.mutate import mutate
from npuc.fuzz.processes import Answer, Case, Limits, run_cases

ANSWER = "npuc.fuzz.hostile:answer"
# What one file may cost; a program may lay claim to 4 GiB of off-chip memory, which is not touched before it is used.
LIMITS = Limits(seconds=60.0, memory_bytes=12 << 30)
_SLOW_SECONDS = 20.0


@dataclass(frozen=True)
class Broken:
    """A file that did harm.

    Attributes:
        source: the sound file that it was made of.
        what: what happened.
        path: the file.
    """

    source: str
    number: int
    what: str
    path: str

    def __str__(self) -> str:
        return f"file {self.number}, made of {self.source}: {self.what}\n  saved as {self.path}"


@dataclass
class Report:
    """A search so far.

    Attributes:
        outcomes: (suffix, outcome) -> files; an outcome is an error's code, or "accepted".
    """

    seed: int
    files: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = [f"{suffix:<10}{outcome:<12}{count:>8,}" for (suffix, outcome), count in sorted(self.outcomes.items())]
        return "\n".join([*lines, f"{self.files:,} damaged files of seed {self.seed}: {len(self.broken)} did harm, {self.seconds:,.0f} s"])


def search(
    sources: Sequence[Path], *, numbers: Iterable[int], seed: int, workers: int, folder: Path, told: Callable[[Report, Broken | None], None],
    limits: Limits = LIMITS,
) -> Report:  # fmt: skip
    """Damages `sources` (.npub, .tflite, .mlir), one after the other; a number is the same file for a seed and the same sources.

    Args:
        folder: where files that did harm are saved.
        told: called after each file.
    """
    start = time.monotonic()
    report = Report(seed)

    def cases() -> Iterator[Case]:
        for number in numbers:
            yield {"path": str(sources[number % len(sources)]), "seed": seed, "number": number}

    for case, found in run_cases(ANSWER, cases(), workers, limits):
        source = Path(case["path"])
        report.files += 1
        report.seconds = time.monotonic() - start
        what = _harm(found)
        broken = None
        if what:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"hostile-{seed}-{case['number']}{source.suffix}"
            write_whole(path, damaged(source, seed, case["number"]))
            broken = Broken(source.name, case["number"], what, str(path))
            report.broken.append(broken)
        else:
            report.outcomes[source.suffix, found["outcome"]] += 1
        told(report, broken)
    return report


def _harm(found: Answer) -> str:
    return f"the process died: {found['died']}" if "died" in found else found["harm"]


def damaged(source: Path, seed: int, number: int) -> bytes:
    """The bytes of damaged file `number`."""
    return mutate(_bytes(source), source.suffix, np.random.default_rng([seed, number]))


@functools.cache
def _bytes(source: Path) -> bytes:
    return source.read_bytes()


# in a child process ----------------------------------------------------------------------------------


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """{"outcome"} of the damaged file, and {"harm"} where it did some."""
    source = Path(case["path"])
    data = damaged(source, case["seed"], case["number"])
    start = time.monotonic()
    outcome, harm = handle(data, source.suffix)
    seconds = time.monotonic() - start
    if not harm and seconds > _SLOW_SECONDS:
        harm = f"took {seconds:.0f} s"
    return {"outcome": outcome, "harm": harm}


def handle(data: bytes, suffix: str) -> tuple[str, str]:
    """(outcome, harm): what becomes of a file, and "" or what is wrong with that."""
    try:
        _DOORS[suffix](data)
    except InternalError as error:
        return error.code, f"an internal error: {error}"
    except NpucError as error:
        return error.code, ""
    except (Exception, RecursionError) as error:
        return "", f"{type(error).__name__}: {error}"
    return "accepted", ""


def _program(data: bytes) -> None:
    from npuc.ops.base import NUMPY_DTYPES
    from npuc.report.listing import listing
    from npuc.report.profile import profile
    from npuc.runtime import load

    loaded = load(data)
    loaded.check_hazards()
    program = loaded.program
    tensors = [program.tensor(port.tensor_id) for port in program.inputs]
    with np.errstate(all="ignore"):
        loaded.run(*(np.zeros(tensor.shape, NUMPY_DTYPES[tensor.dtype]) for tensor in tensors))
    profile(program, loaded.timelines).table(width=100)
    for _ in listing(program):
        pass


def _tflite(data: bytes) -> None:
    from torch_mlir import ir

    from npuc.frontend.tflite import import_tflite

    context = ir.Context()
    with context, ir.Location.unknown(), np.errstate(all="ignore"):
        module, known = import_tflite(data, context)
        _compile(module, known.inputs, known.outputs)


def _tosa(data: bytes) -> None:
    from torch_mlir import ir

    from npuc.frontend.tosa import import_tosa, port_names

    context = ir.Context()
    with context, ir.Location.unknown():
        module = import_tosa(data, context)
        _compile(module, *port_names(module))


def _compile(module: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    from npuc import targets
    from npuc.compiler import encode, lower

    machine = targets.get("edge-256")
    lower(module, machine)
    encode(module, machine, inputs, outputs).to_bytes()


_DOORS: dict[str, Callable[[bytes], None]] = {".npub": _program, ".tflite": _tflite, ".mlir": _tosa}
