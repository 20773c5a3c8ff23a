# SPDX-License-Identifier: Apache-2.0
"""A network of npu ops while it grows at random: the function that is written, and what the next op may read.

Every choice comes from one generator, so that a seed names a network.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import build, mlir_type, tensor_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.numerics.rescale import Rescale
from npuc.ops import all_ops
from npuc.ops._checks import RANGES
from npuc.ops.base import NUMPY_DTYPES, TensorType

# Larger results are drawn anew: a thousand small networks find more than ten large ones.
MAX_ELEMENTS = 6000
MAX_RANK = 6
# What most ops take, in the proportion that networks have them.
ACTIVATIONS = ("i8", "i8", "i8", "i8", "i16")
# How often an operand is a constant where it need not be.
_CONSTANT = 0.07
# How often a value that nobody reads yet is preferred, so that a network is one network.
_UNREAD = 0.7
_RECENT = 8

One = TypeVar("One")


class Net:
    """Writes `main` op by op.

    Attributes:
        rng: where every choice comes from.
        division: whether floats are quantized by TFLite's rule, instead of PyTorch's.
        pool: all values so far, arguments first.
        count: ops of npuc.ops so far; they number the layers.
        folded: how many of them a compiler can compute.
    """

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.division = self.chance(0.5)
        self.count = self.folded = 0
        self.pool: list[ir.Value] = []
        self._unread: dict[ir.Value, None] = {}
        self._hint: ir.Value | None = None
        self._zero_point: int | None = None
        self._folding = False
        self._arguments: list[ir.Value] = []
        self.module = ir.Module.parse("module {}")
        with ir.InsertionPoint(self.module.body), ir.Location.name("main"):
            kind = ir.TypeAttr.get(ir.FunctionType.get([], []))
            attributes = {"sym_name": ir.StringAttr.get("main"), "function_type": kind}
            self._function = ir.Operation.create("func.func", regions=1, attributes=attributes)
            self._block = self._function.regions[0].blocks.append()

    # choices -----------------------------------------------------------------------------------

    def pick(self, *choices: One) -> One:
        """One of the choices."""
        return choices[int(self.rng.integers(len(choices)))]

    def upto(self, high: int, low: int = 1) -> int:
        """A whole number in low..high."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """True that often."""
        return bool(self.rng.random() < share)

    def zero_point(self) -> int:
        """Any i8, small ones and the ends more often; the one that a hint names."""
        if self._zero_point is not None:
            return self._zero_point
        return self.pick(0, self.upto(20, -20), self.upto(127, -128), -128)

    def rescale(self, largest: float = 1.0, records: int = 1, dtype: str = "i8") -> Rescale:
        """Real factors of magnitude `largest` and some below, in either rounding, now and then with bounds or a factor of 0."""
        low, high = RANGES[dtype]
        lo, hi = sorted((self.upto(high, low), self.upto(high, low))) if self.chance(0.2) else (low, high)
        scales = largest * self.rng.uniform(0.05, 1.0, records)
        scales[self.rng.random(records) < 0.03] = 0.0
        zp_out = 0 if dtype == "i32" else self.upto(high, low) if dtype == "ui8" else self.zero_point()
        return replace(Rescale.from_scales(scales, zp_out, lo, hi), double_round=self.chance(0.5))

    def extents(self, rank: int, largest: int = 6) -> tuple[int, ...]:
        """A shape."""
        return tuple(self.upto(largest) for _ in range(rank))

    # values ------------------------------------------------------------------------------------

    def hint(self, value: ir.Value, zero_point: int | None = None) -> None:
        """The next op reads `value` where that suits it, with that zero point."""
        self._hint, self._zero_point = value, zero_point

    def forget(self) -> None:
        """No hint holds any longer."""
        self._hint = self._zero_point = None

    @contextlib.contextmanager
    def folding(self) -> Iterator[None]:
        """Meanwhile every operand is a constant."""
        before, self._folding = self.count, True
        try:
            yield
        finally:
            self._folding = False
            self.folded += self.count - before

    @contextlib.contextmanager
    def inserting(self) -> Iterator[None]:
        """Meanwhile operations of MLIR are made at the end of the function."""
        with ir.InsertionPoint(self._block), ir.Location.name(f"layer{self.count}"):
            yield

    def argument(self, kind: TensorType) -> ir.Value:
        """One more argument of the function; a constant where everything is to be one."""
        if self._folding:
            return self.constant(self.array(kind))
        value = self._block.add_argument(mlir_type(kind), ir.Location.name("argument"))
        self._arguments.append(value)
        self._add(value)
        return value

    def type(self, value: ir.Value) -> TensorType:
        return tensor_type(value.type)

    def value(self, *dtypes: str, rank: int | None = None) -> ir.Value:
        """Something to read, of one of the element types and of that rank: what is there already, brought into form where need be."""
        dtype = self.pick(*dtypes)
        if self._hint is not None:
            value, self._hint = self._hint, None
            if self.type(value).dtype in dtypes and rank in (None, len(self.type(value).shape)):
                return value
        if self._folding or self.chance(_CONSTANT):
            return self.constant(self.array(TensorType(self.extents(self.upto(4) if rank is None else rank), dtype)))
        found = self._found(dtypes, rank)
        if found is None:
            found = self._found(dtypes, None) or self._converted(dtype)
        return found if rank is None else self._ranked(found, rank)

    def _found(self, dtypes: Sequence[str], rank: int | None) -> ir.Value | None:
        suited = [value for value in self.pool if self.type(value).dtype in dtypes and rank in (None, len(self.type(value).shape))]
        unread = [value for value in suited if value in self._unread]
        if unread and self.chance(_UNREAD):
            return self.pick(*unread)
        return self.pick(*suited[-_RECENT:]) if suited else None

    def _converted(self, dtype: str) -> ir.Value:
        """A value of another element type, made of an i8."""
        x = self._found(("i8",), None) or self.argument(TensorType((1, 4, 4, 3), "i8"))
        kind = TensorType((), dtype)
        match dtype:
            case "i8":
                return x
            case "f32":
                return self.op("dequantize", x, scale=float(self.rng.uniform(0.01, 0.5)), zp=self.zero_point())
            case "i1":
                return self.op("cast", x, output=kind)
            case "ui8":
                return self.op("rescale", x, output=kind, zp_x=self.zero_point(), rescale=self.rescale(2.0, dtype=dtype))
            case "i16" | "i32":
                if self.chance(0.3):
                    return self.op("cast", x, output=kind)
                return self.op("rescale", x, output=kind, zp_x=self.zero_point(), rescale=self.rescale(100.0, dtype=dtype))
            case _:
                raise ValueError(f"nothing makes a value of {dtype}")

    def _ranked(self, value: ir.Value, rank: int) -> ir.Value:
        kind = self.type(value)
        return value if len(kind.shape) == rank else self.op("reshape", value, output=replace(kind, shape=self.factored(kind.elements, rank)))

    def factored(self, elements: int, rank: int) -> tuple[int, ...]:
        """A random shape of so many elements."""
        shape, factor = [1] * rank, 2
        while elements > 1:
            while elements % factor:
                factor += 1
            shape[int(self.rng.integers(rank))] *= factor
            elements //= factor
        return tuple(shape)

    def has(self, dtype: str) -> bool:
        """Whether there is a value of the element type."""
        return any(self.type(value).dtype == dtype for value in self.pool)

    def image(self, *dtypes: str) -> ir.Value:
        """A value of four dimensions, most often [N, H, W, C] as a network has it."""
        return self.value(*(dtypes or ("i8",)), rank=4)

    def peer(self, value: ir.Value) -> ir.Value:
        """A second operand: of the same type where there is one, of a shape that broadcasts, a constant, or the very value."""
        kind = self.type(value)
        if self._folding:
            return self.constant(self.array(kind))
        peers = [other for other in self.pool if self.type(other) == kind and other != value]
        if peers and self.chance(0.7):
            return self.pick(*peers)
        if self.chance(0.1):
            return value
        shape = tuple(1 if self.chance(0.3) else extent for extent in kind.shape)
        kept = shape[self.upto(len(shape), 0) :] if self.chance(0.2) else shape
        suited = [other for other in self.pool if self.type(other).dtype == kind.dtype and self._broadcasts(other, kind.shape)]
        if suited and self.chance(0.3):
            return self.pick(*suited)
        return self.constant(self.array(TensorType(kept, kind.dtype)))

    def _broadcasts(self, value: ir.Value, shape: tuple[int, ...]) -> bool:
        own = self.type(value).shape
        return len(own) <= len(shape) and all(a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False))

    def array(self, kind: TensorType) -> np.ndarray:
        """Random values of a type; integers of more than 16 bits small enough to matter as much as others do."""
        dtype = np.dtype(NUMPY_DTYPES[kind.dtype])
        if dtype.kind == "f":
            return self.rng.normal(scale=2, size=kind.shape).astype(dtype)
        if dtype.kind == "b":
            return self.rng.integers(0, 2, kind.shape).astype(dtype)
        low, high = (-4000, 4000) if dtype.itemsize > 2 else RANGES[kind.dtype]
        if self.chance(0.2):
            # few values, as trained and pruned weights have
            low, high = max(low, -2), 2
        return self.rng.integers(low, high + 1, kind.shape).astype(dtype)

    def weights(self, kind: TensorType, zero_point: int, *dimensions: int) -> np.ndarray:
        """Random weights; now and then whole channels along some dimensions count for nothing, as in pruned networks."""
        array = self.array(kind)
        if self.chance(0.25):
            for dimension in dimensions:
                gone = self.rng.random(kind.shape[dimension]) < self.pick(0.0, 0.2, 0.8)
                array[(slice(None),) * (dimension % array.ndim) + (gone,)] = zero_point
        return array

    def constant(self, array: np.ndarray) -> ir.Value:
        with ir.InsertionPoint(self._block):
            return build_constant(array, loc=ir.Location.name("constant"))

    # ops ---------------------------------------------------------------------------------------

    def op(self, name: str, *values: ir.Value, output: TensorType | None = None, **params: Any) -> ir.Value:
        """Adds an op of npuc.ops; the layer is called after it and its number.

        Raises:
            ValueError: operands and parameters do not go together, or the result is large.
        """
        spec = all_ops()[name].of(*(self.type(value) for value in values), output=output, **params)
        if spec.output.elements > MAX_ELEMENTS or len(spec.output.shape) > MAX_RANK:
            raise ValueError(f"{spec.output} is large")
        self.count += 1
        with ir.InsertionPoint(self._block):
            result = build(spec, values, loc=ir.Location.name(f"{name}{self.count}"))
        for value in values:
            self._unread.pop(value, None)
        self._add(result)
        return result

    def _add(self, value: ir.Value) -> None:
        self.pool.append(value)
        self._unread[value] = None

    def returns(self, most: int = 6) -> ir.Module:
        """Ends the function with what nobody reads, `most` values of it, and now and then one that the network goes on with."""
        made = [value for value in self._unread if value not in self._arguments] or self.pool[-1:]
        results = made[-most:]
        if self.chance(0.2):
            results.append(self.pick(*self.pool))
        results = list(dict.fromkeys(results))
        with ir.InsertionPoint(self._block), ir.Location.name("return"):
            ir.Operation.create("func.return", operands=results)
        kinds = ir.FunctionType.get([value.type for value in self._arguments], [value.type for value in results])
        self._function.attributes["function_type"] = ir.TypeAttr.get(kinds)
        return self.module

    # windows -----------------------------------------------------------------------------------

    def window(self, extent: int, largest: int = 3, dilated: bool = True) -> tuple[int, int, int, int, int]:
        """Kernel, stride, dilation, padding before and after, of one dimension; the padding is less than the reach.

        Raises:
            ValueError: nothing drawn fits the extent.
        """
        for _ in range(8):
            kernel = self.pick(1, 3, self.upto(largest), self.upto(2 * largest))
            stride, dilation = self.pick(1, 1, 2, 3), self.pick(1, 1, 1, 2, 3) if dilated else 1
            reach = (kernel - 1) * dilation + 1
            before, after = self.pick((0, 0), (reach // 2, reach // 2), (self.upto(reach - 1, 0), self.upto(reach - 1, 0)))
            if reach <= extent + before + after:
                return kernel, stride, dilation, min(before, reach - 1), min(after, reach - 1)
        raise ValueError(f"no window fits {extent}")

    def axes(self, rank: int) -> tuple[int, ...]:
        """Dimensions to reduce, ascending, at least one."""
        chosen = [i for i in range(rank) if self.chance(0.5)] or [self.upto(rank - 1, 0)]
        return tuple(chosen)

    def count_of(self, shape: Sequence[int], axes: Sequence[int]) -> int:
        """How many elements a reduction over `axes` brings together."""
        return math.prod(shape[axis] for axis in axes)
