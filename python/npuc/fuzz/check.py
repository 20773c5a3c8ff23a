# SPDX-License-Identifier: Apache-2.0
"""One module through everything: each pass validated, the program run by every engine, all of it the same bytes.

What runs is a copy made from the module's text, so that what is saved for a failure is what failed.
"""

import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from torch_mlir import ir

from npuc import interpret
from npuc.compiler import encode, lower
from npuc.dialects.attrs import from_attr
from npuc.dialects.base import spec_class
from npuc.errors import DoesNotFit, NpucError, UnsupportedOp, ValidationError
from npuc.isa.program import NpuSegment, Program
from npuc.passes._rewrites import Rewrite, count_rewrites
from npuc.passes.base import operations, target_of
from npuc.passes.npu_partition import DEVICE_ATTRIBUTE
from npuc.passes.pipeline import DEFAULT, PassRun, run_passes
from npuc.runtime import load
from npuc.targets.base import Target
from npuc.validate import Validator, difference, random_inputs

# Before these a module may hold ops that nothing executes; of TOSA the ops one by one, so that what is fused of them is compared too.
CONVERSIONS = ("convert-tosa-to-npu{fuse=false}", "convert-linalg-to-npu")
FUSE = "convert-tosa-to-npu{convert=false}"
_ENGINES = ("numpy", "auto")


@dataclass(frozen=True)
class Failure:
    """What went wrong.

    Attributes:
        kind: error class and stage, the same for every module with the same defect.
        message: all of it.
    """

    kind: str
    message: str


@dataclass
class Seen:
    """What happened on the way.

    Attributes:
        npu, host: op -> how many of them ran there.
        structure: other ops of the dialect -> how many were there at some level.
        instructions: instruction -> how many commands.
        rewrites: pattern -> how often it fired.
        passes: pass -> 1 where it changed the module.
    """

    npu: Counter[str] = field(default_factory=Counter)
    host: Counter[str] = field(default_factory=Counter)
    structure: Counter[str] = field(default_factory=Counter)
    instructions: Counter[str] = field(default_factory=Counter)
    rewrites: Counter[Rewrite] = field(default_factory=Counter)
    passes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Outcome:
    """How a module fared: exact, refused (and by which rule), or a failure.

    Attributes:
        inputs: what it was run on.
    """

    seen: Seen
    refused: str = ""
    failure: Failure | None = None
    inputs: tuple[np.ndarray, ...] = ()


def check(text: str, target: Target, seed: int, *, inputs: Sequence[np.ndarray] | None = None) -> Outcome:
    """Compile a module at the level of TOSA, linalg or npu for `target` and compare everything that can be run; a context is entered.

    Args:
        text: the module, with locations.
        seed: for random inputs.
        inputs: instead of random ones.
    """
    seen = Seen()
    stage = ["parse"]
    used: tuple[np.ndarray, ...] = tuple(inputs or ())
    with count_rewrites() as seen.rewrites, _quiet(), tempfile.TemporaryDirectory() as scratch:
        module = ir.Module.parse(text)
        _count_structure(seen, module)
        try:
            # a network that was quantized in PyTorch means real numbers until its quantizers are raised, and bytes from then on
            if interpret.unknown(module) or any(not _divides(op) for op in operations(module, "npu.quantize")):
                for name in CONVERSIONS:
                    stage[0] = name
                    run_passes(module, [name])
            stage[0] = "interpret"
            used = tuple(random_inputs(module, seed)) if inputs is None else used
            expected = interpret.run(module, used)
            checker = Validator(used, reproducer_dir=scratch)
            stage[0] = FUSE
            run_passes(module, [FUSE], validate=checker)
            stage[0] = DEFAULT[0]
            lower(module, target, validate=checker, on_pass=_watch(seen, stage))
            _run(module, used, expected, seen, stage)
        except DoesNotFit:
            return Outcome(seen, refused="does not fit", inputs=used)
        except UnsupportedOp as error:
            if stage[0] in CONVERSIONS:
                return Outcome(seen, refused=error.rule or "unsupported", inputs=used)
            return Outcome(seen, failure=_failure(error, stage[0]), inputs=used)
        except Exception as error:
            # whatever it is, it is a defect, and the search goes on
            return Outcome(seen, failure=_failure(error, stage[0]), inputs=used)
    return Outcome(seen, inputs=used)


def _divides(quantize: ir.Operation) -> bool:
    return "division" in quantize.attributes and bool(from_attr(quantize.attributes["division"]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Floats out of range become NaN and infinity at every level alike; numpy need not tell."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _failure(error: Exception, stage: str) -> Failure:
    what = error.message.partition(";")[0] if isinstance(error, ValidationError) else type(error).__name__
    return Failure(f"{what} in {stage}", f"{type(error).__name__} in {stage}: {error}")


def _watch(seen: Seen, stage: list[str]) -> Callable[[PassRun, ir.Module], None]:
    """After each pass: which comes next, and what is there now."""
    left = list(DEFAULT[1:])

    def on_pass(run: PassRun, module: ir.Module) -> None:
        stage[0] = left.pop(0) if left else "encode"
        seen.passes[run.name.partition("{")[0]] += int(run.changed is True)
        if run.name.startswith("npu-partition"):
            for op in operations(module):
                if DEVICE_ATTRIBUTE in op.attributes:
                    found = seen.host if from_attr(op.attributes[DEVICE_ATTRIBUTE]) == "host" else seen.npu
                    found[op.name.partition(".")[2]] += 1
        if run.name == "npu-place-buffers":
            _count_structure(seen, module)

    return on_pass


def _count_structure(seen: Seen, module: ir.Module) -> None:
    names = (op.name for op in operations(module) if op.name.startswith("npu.") and spec_class(op) is None)
    seen.structure.update(name.partition(".")[2] for name in names)


def _run(module: ir.Module, inputs: Sequence[np.ndarray], expected: Sequence[np.ndarray], seen: Seen, stage: list[str]) -> None:
    """The program, from its own bytes, on every engine; free of races."""
    program = Program.from_bytes(encode(module, target_of(module)).to_bytes())
    for segment in program.segments:
        if isinstance(segment, NpuSegment):
            seen.instructions.update(type(command.instruction).__name__ for command in segment.commands)
    for engine in _ENGINES:
        stage[0] = f"simulation by {engine}"
        loaded = load(program, engine)
        found = loaded.run(*inputs)
        problem = difference(expected, found if isinstance(found, tuple) else (found,))
        if problem:
            raise NpucError(f"the program differs from the interpreted module: {problem}")
    stage[0] = "hazards"
    loaded.check_hazards()
