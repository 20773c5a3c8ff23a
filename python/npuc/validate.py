# SPDX-License-Identifier: Apache-2.0
"""Holds every pass to its word: the module executed before and after it gives the same bytes.

    validator = Validator(inputs)                 # or random ones from a seed
    run_passes(module, DEFAULT, validate=validator)

Checking starts where the module can be executed, at the `npu` level. A difference names the pass and the first op that computes
something new, and leaves a reproducer that npu-opt replays. What is lowered to commands can be held to more: its program, encoded and
read again, run by every engine and proved free of races (`engines`).
"""

import hashlib
import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from torch_mlir import ir

from npuc import interpret
from npuc.compiler import encode
from npuc.dialects.base import spec_of
from npuc.dialects.npu_cmd.ops.segment import SEGMENT
from npuc.errors import NpucError, ValidationError
from npuc.isa.program import Program
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.ops.quantize import Quantize
from npuc.passes.base import layer_name, operations, target_of
from npuc.passes.pipeline import bytecode
from npuc.runtime import load

_LOG = logging.getLogger("npuc")


class Validator:
    """Compares what a module computes before and after a pass.

    Attributes:
        checked: the passes that were compared, in order.
        seed: for the random inputs; reported in messages.
    """

    def __init__(
        self, inputs: Sequence[np.ndarray] | None = None, *, seed: int = 0, reproducer_dir: Path | str | None = None, engines: Sequence[str] = ()
    ):
        """
        Args:
            inputs: one array for each argument of the module; random ones by default.
            seed: for random inputs.
            reproducer_dir: where a reproducer goes; a new folder for temporary files by default.
            engines: those of the simulator that run the program of a module of commands, each to the same bytes.
        """
        self.seed = seed
        self.checked: list[str] = []
        self._inputs = None if inputs is None else [np.asarray(array) for array in inputs]
        self._reproducer_dir = Path(reproducer_dir) if reproducer_dir is not None else None
        self._engines = tuple(engines)
        # results of the module that the last check left: it is the "before" of the next one
        self._last: tuple[bytes, list[np.ndarray]] | None = None

    def check(self, pass_text: str, before: bytes, module: ir.Module) -> None:
        """Called by the driver after a pass that changed something.

        Args:
            pass_text: the pass as a pipeline writes it.
            before: the module before the pass, as bytecode.
            module: the module after it.

        Raises:
            ValidationError: results differ, or the module after the pass cannot be executed although the one before could.
        """
        with module.context, ir.Location.unknown():
            self._check(pass_text, before, module)

    def _check(self, pass_text: str, before: bytes, module: ir.Module) -> None:
        old = ir.Module.parse(before)
        missing = interpret.unknown(old)
        if missing:
            _LOG.debug("validation: %s not checked, %s cannot be executed", pass_text, ", ".join(missing))
            return
        inputs = self._inputs_of(old)
        expected = self._expected(before, old, inputs)
        try:
            found = interpret.run(module, inputs)
        except NpucError as error:
            raise self._failure(
                pass_text, before, inputs, "left a module that cannot be executed", str(error), layer=error.layer
            ) from error
        problem = difference(expected, found)
        if problem:
            layer, op = first_difference(old, module, inputs)
            raise self._failure(pass_text, before, inputs, "changed what the module computes", problem, layer=layer, op=op)
        if operations(module, SEGMENT):
            self._simulate(pass_text, before, module, inputs, expected)
        self.checked.append(pass_text)
        self._last = (_digest(bytecode(module)), found)

    def _simulate(self, pass_text: str, before: bytes, module: ir.Module, inputs: list[np.ndarray], expected: list[np.ndarray]) -> None:
        """The program of `module`, from its own bytes: every engine gives what is expected, and no two accesses are without an order."""
        for engine in self._engines:
            try:
                loaded = load(Program.from_bytes(encode(module, target_of(module)).to_bytes()), engine)
                loaded.check_hazards()
                found = loaded.run(*inputs)
            except NpucError as error:
                what = f"left a program that engine '{engine}' cannot run"
                raise self._failure(pass_text, before, inputs, what, str(error), layer=error.layer) from error
            problem = difference(expected, found if isinstance(found, tuple) else (found,))
            if problem:
                raise self._failure(pass_text, before, inputs, f"left a program that computes something else on engine '{engine}'", problem)

    def _inputs_of(self, module: ir.Module) -> list[np.ndarray]:
        if self._inputs is None:
            self._inputs = random_inputs(module, self.seed)
            _LOG.info("validation: random inputs of seed %d", self.seed)
        return self._inputs

    def _expected(self, before: bytes, old: ir.Module, inputs: list[np.ndarray]) -> list[np.ndarray]:
        if self._last is not None and self._last[0] == _digest(before):
            return self._last[1]
        return interpret.run(old, inputs)

    def _failure(
        self, pass_text: str, before: bytes, inputs: list[np.ndarray], what: str, found: str, *, layer: str = "", op: str = ""
    ) -> ValidationError:
        folder = self._save(pass_text, before, inputs)
        where = f"; the first op that differs is {op}" if op else ""
        return ValidationError(
            f"pass '{pass_text}' {what}{where}", layer=layer, rule="a pass keeps every byte of the results", found=found,
            wanted="the same bytes as before the pass", advice=f"replay with: {replay_command(folder, pass_text)}",
        )  # fmt: skip

    def _save(self, pass_text: str, before: bytes, inputs: list[np.ndarray]) -> Path:
        folder = self._reproducer_dir
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix=f"npuc-{pass_text.partition('{')[0]}-"))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "before.mlir").write_text(ir.Module.parse(before).operation.get_asm(enable_debug_info=True))
        np.savez(folder / "inputs.npz", allow_pickle=False, **{f"input_{index}": array for index, array in enumerate(inputs)})
        (folder / "replay.txt").write_text(replay_command(folder, pass_text) + "\n")
        return folder


def replay_command(folder: Path, pass_text: str) -> str:
    """The npu-opt call that repeats a saved reproducer."""
    pipeline = f"--pass-pipeline='builtin.module({pass_text})'"
    return f"npu-opt {folder / 'before.mlir'} {pipeline} --validate --validate-inputs {folder / 'inputs.npz'}"


def difference(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> str:
    """How two lists of results differ, in words; "" where they are the same bytes."""
    if len(expected) != len(found):
        return f"{len(found)} results instead of {len(expected)}"
    for index, (before, after) in enumerate(zip(expected, found, strict=True)):
        if before.dtype != after.dtype or before.shape != after.shape:
            return f"result {index} is {after.dtype} {list(after.shape)} instead of {before.dtype} {list(before.shape)}"
        wrong = np.flatnonzero(_bits(before) != _bits(after))
        if len(wrong):
            at = np.unravel_index(int(wrong[0]), before.shape)
            place = [int(i) for i in at]
            return (
                f"result {index} differs in {len(wrong)} of {before.size} elements, first at {place}: {after[at]} instead of {before[at]}"
            )
    return ""


def _bits(array: np.ndarray) -> np.ndarray:
    """Flat integers of the same bits, so that NaN equals NaN and -0.0 is not 0.0."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view({4: np.uint32, 8: np.uint64}[flat.itemsize]) if flat.dtype.kind == "f" else flat


# inputs --------------------------------------------------------------------------------------------


def random_inputs(module: ir.Module, seed: int) -> list[np.ndarray]:
    """Inputs of the module's types: integers over their whole range; floats over the range that their quantize covers, and beyond.

    Floats that no quantize reads directly are standard normal.
    """
    rng = np.random.default_rng(seed)
    arguments = interpret.entry(module).operation.regions[0].blocks[0].arguments
    return [_random(rng, interpret.argument_type(argument), argument) for argument in arguments]


def _random(rng: np.random.Generator, kind: TensorType, argument: ir.Value) -> np.ndarray:
    dtype = NUMPY_DTYPES[kind.dtype]
    if kind.dtype == "i1":
        return rng.integers(0, 2, kind.shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, kind.shape, dtype=dtype, endpoint=True)
    low, high = _quantized_range(argument)
    if low == high:
        return rng.standard_normal(kind.shape).astype(dtype)
    # a tenth beyond either end, so that saturation is seen
    margin = (high - low) / 10
    return rng.uniform(low - margin, high + margin, kind.shape).astype(dtype)


def _quantized_range(argument: ir.Value) -> tuple[float, float]:
    """The real range of the npu.quantize that reads the argument, (0, 0) where there is none."""
    for use in argument.uses:
        op = use.owner.operation
        if op.name == "npu.quantize":
            spec = cast(Quantize, spec_of(op))
            limits = np.iinfo(NUMPY_DTYPES[spec.output.dtype])
            return (limits.min - spec.zp) * spec.scale, (limits.max - spec.zp) * spec.scale
    return 0.0, 0.0


# finding the op ------------------------------------------------------------------------------------

# Nothing yet, or what was seen before.
_NO_NEWS = ("tensor.empty", "npu.group", "builtin.unrealized_conversion_cast")


@dataclass(frozen=True)
class _Seen:
    """What one result of one op was.

    Attributes:
        shape: extents above 1 in ascending order.
        exact: digest of element type and bytes.
        bag: digest of the values whatever their order, so that a layout change is no news.
    """

    layer: str
    op: str
    shape: tuple[int, ...]
    exact: bytes
    bag: bytes

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        return self.layer, self.shape


def first_difference(before: ir.Module, after: ir.Module, inputs: Sequence[np.ndarray]) -> tuple[str, str]:
    """(layer, op) of the first value of `after` that `before` never computes; ("", "") where there is none.

    Values are matched by bytes, then by their bag of elements, for the ops and commands of one layer and shape: each with its
    counterpart where there are as many before and after; the last ones where there are not, because partial results of a layer
    that is tiled now are new by nature.
    """
    old, new = _trace(before, inputs), _trace(after, inputs)
    exact, bags = {seen.exact for seen in old}, {seen.bag for seen in old}
    comparable = _comparable(old, new)
    for candidates in (comparable, new):
        fresh = [seen for seen in candidates if seen.exact not in exact and seen.bag not in bags]
        fresh += [seen for seen in candidates if seen.exact not in exact]
        if fresh:
            return fresh[0].layer, fresh[0].op
    return "", ""


def _comparable(old: list[_Seen], new: list[_Seen]) -> list[_Seen]:
    """The values of `new` that should equal one of `old`, in order."""
    before, after = Counter(seen.key for seen in old), Counter(seen.key for seen in new)
    last = {seen.key: index for index, seen in enumerate(new)}
    return [
        seen for index, seen in enumerate(new) if before[seen.key] == after[seen.key] or (seen.key in before and last[seen.key] == index)
    ]


def _trace(module: ir.Module, inputs: Sequence[np.ndarray]) -> list[_Seen]:
    seen: list[_Seen] = []

    def observe(op: ir.Operation, results: list[np.ndarray]) -> None:
        if op.name in _NO_NEWS:
            return
        for array in results:
            flat = np.sort(array, axis=None)
            shape = tuple(sorted(extent for extent in array.shape if extent != 1))
            # without the shape: the same bytes as rows of pixels or as one vector are no news
            exact = _digest(f"{array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
            bag = _digest(f"{array.dtype}{array.size}".encode() + flat.tobytes())
            seen.append(_Seen(layer_name(op), _describe(op), shape, exact, bag))

    interpret.run(module, inputs, observe=observe)
    return seen


def _describe(op: ir.Operation) -> str:
    return f"{op.name} of type {op.results[0].type}" if len(op.results) else op.name


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
