# SPDX-License-Identifier: Apache-2.0
"""The search for a module that any level or engine gets wrong: one module after the other, what fails made small and saved."""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from torch_mlir import ir

from npuc import dialects
from npuc.files import write_whole
from npuc.fuzz.cases import Module, module
from npuc.fuzz.check import CONVERSIONS, FUSE
from npuc.fuzz.processes import Answer, Case, Child, Limits, run_cases
from npuc.fuzz.report import Found, Report
from npuc.fuzz.shrink import shrink
from npuc.passes.pipeline import DEFAULT, run_passes
from npuc.validate import random_inputs

# What a child runs.
ANSWER = "npuc.fuzz.cases:answer"
# Failures of one kind that are made small; further ones are the same defect more often than not.
_A_KIND = 3

log = logging.getLogger("npuc")

Told = Callable[[Report, Found | None], None]


def search(
    numbers: Iterable[int] | None, *, seconds: float | None, seed: int, workers: int, folder: Path, told: Told, limits: Limits | None = None
) -> Report:
    """Checks modules of `seed`; an interrupt ends the search, and what was found until then is returned.

    Args:
        numbers: which ones; None for 0, 1, 2, ... without end.
        seconds: no module is begun after so long; which modules a seed stands for does not depend on it.
        workers: processes.
        folder: where failures are saved.
        told: called after each module, with the failure where it is one.
    """
    limits = limits or Limits()
    start = time.monotonic()
    report = Report(seed)

    def cases() -> Iterator[Case]:
        for index in itertools.count() if numbers is None else numbers:
            if seconds is not None and time.monotonic() - start >= seconds:
                return
            yield {"seed": seed, "index": index}

    try:
        with Child(ANSWER, limits) as helper:
            for case, answer in run_cases(ANSWER, cases(), workers, limits):
                report.add(answer)
                report.seconds = time.monotonic() - start
                kind = _kind(answer)
                found = None
                if kind:
                    small = sum(one.kind == kind for one in report.failures) < _A_KIND
                    found = _found(case, answer, helper, folder, small)
                    report.failures.append(found)
                told(report, found)
    except KeyboardInterrupt:
        # an hour of search is not lost with it
        log.warning("interrupted after %d modules", report.graphs)
    report.failures.sort(key=lambda one: one.index)
    return report


def _kind(answer: Answer) -> str:
    """What kind of failure an answer tells of, "" for none."""
    if "died" in answer:
        return f"died: {answer['died']}"
    return answer["failure"]["kind"] if answer.get("failure") else ""


def _message(answer: Answer) -> str:
    return f"the process died: {answer['died']}" if "died" in answer else answer["failure"]["message"]


def _found(case: Case, answer: Answer, helper: Child, folder: Path, small: bool) -> Found:
    """The failure of a case, made small and saved."""
    seed, index, kind = case["seed"], case["index"], _kind(answer)
    try:
        with dialects.new_context(), ir.Location.unknown():
            made = module(seed, index)
    except Exception:
        # the front door itself fails: there is no module to save
        return Found(index, kind, _message(answer), "", "", f"npuc fuzz --seed {seed} --only {index}")

    def ask(text: str) -> Answer:
        return helper.ask({"text": text, "target": made.target, "sram_kib": made.sram_kib, "seed": seed})

    text = made.text
    if small:
        try:
            text = shrink(text, lambda candidate: _kind(ask(candidate)) == kind)
        except Exception as error:
            # a search goes on, and a large module tells as much as a small one
            log.warning("module %d of seed %d could not be made small: %s", index, seed, error)
    last = ask(text)
    # a failure that does not come again is told as it came
    message = _message(last) if _kind(last) else _message(answer) + "\n(it did not fail again)"
    return _saved(made, text, seed, index, kind, message, folder)


def _saved(made: Module, text: str, seed: int, index: int, kind: str, message: str, folder: Path) -> Found:
    folder.mkdir(parents=True, exist_ok=True)
    path, inputs = folder / f"fuzz-{seed}-{index}.mlir", folder / f"fuzz-{seed}-{index}.npz"
    write_whole(path, text.encode())
    arrays = _inputs(text, seed)
    if arrays is not None:
        np.savez(inputs, allow_pickle=False, **{f"input_{number}": array for number, array in enumerate(arrays)})
    return Found(index, kind, message, str(path), str(inputs) if arrays is not None else "", _replay(made, path, inputs if arrays is not None else None))


def _inputs(text: str, seed: int) -> list[np.ndarray] | None:
    """What the module was run on; None where it cannot be brought so far."""
    try:
        with dialects.new_context(), ir.Location.unknown():
            parsed = ir.Module.parse(text)
            run_passes(parsed, CONVERSIONS)
            return random_inputs(parsed, seed)
    except Exception:
        # the failure itself, whatever it is
        return None


def _replay(made: Module, path: Path, inputs: Path | None) -> str:
    sram = f" sram-kib={made.sram_kib}" if made.sram_kib is not None else ""
    passes = ",".join((*CONVERSIONS, FUSE, f"npu-set-target{{name={made.target}{sram}}}", *DEFAULT))
    given = f" --validate-inputs {inputs}" if inputs is not None else ""
    return f"npu-opt {path} --pass-pipeline='builtin.module({passes})' --validate{given} -o /dev/null"
