# SPDX-License-Identifier: Apache-2.0
"""Ops whose result at a position depends on their inputs at that position alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from npuc.isa import elementwise as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics.rescale import Rescale, scale_values
from npuc.ops._broadcast import Broadcasting
from npuc.ops._checks import ACTIVATIONS, activation_types, at_most_rank_4, dtype_is, in_range, rescale_ok
from npuc.ops._views import broadcast
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target

# y = x: the identity as a scale
UNIT_SCALE = (1 << 30, 30)


@dataclass(frozen=True)
class Map(OpSpec):
    """y[p] = f(x[p]); further operands are read whole."""

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, self.inputs[0].dtype)

    def tile(self, region: Region) -> Tile:
        others = self.inputs[1:]
        spec = replace(self, inputs=(region_type(self.inputs[0], region), *others), output=region_type(self.output, region))
        return Tile(spec, (region, *(tensor.whole for tensor in others)))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,) if self.output.shape else ()

    @property
    def takes_bricks(self) -> bool:
        return True


@dataclass(frozen=True)
class Pairwise(Broadcasting):
    """y[p] = f(a[p], b[p]) by the output path; shapes broadcast."""

    operand_names: ClassVar[tuple[str, ...]] = ("a", "b")
    between: ClassVar[str] = " and "
    kind: ClassVar[isa.ElementwiseKind]

    @property
    def channelwise(self) -> tuple[int, ...]:
        last = self.output.shape[-1:]
        return tuple(i for i, tensor in enumerate(self.inputs) if last and tensor.shape[-1:] == last)

    @property
    def takes_bricks(self) -> bool:
        return True


@dataclass(frozen=True)
class Binary(Pairwise):
    """y[p] = f(a[p], b[p]), i8 or i16 of one type to i8 or i16; shapes broadcast as numpy's: aligned right, extents equal or 1."""

    zp_a: int = param("zero point of a", 0)
    zp_b: int = param("zero point of b", 0)
    rescale: Rescale = param("i32 result to output, one record", Rescale((1 << 30,), (30,)))

    def malformed(self) -> Iterator[str]:
        a, b = self.inputs
        wrong = [*self.mistyped(), *dtype_is("result", self.output, *ACTIVATIONS)]
        yield from wrong
        if wrong:
            return
        for name, zero_point, tensor in (("zp_a", self.zp_a, a), ("zp_b", self.zp_b, b)):
            yield from in_range(name, zero_point, tensor.dtype)
        yield from rescale_ok(self.rescale, (1,), self.output.dtype)
        yield from self.broadcast_problems()

    def mistyped(self) -> Iterator[str]:
        """The inputs have types that the op takes."""
        a, b = self.inputs
        yield from dtype_is("a", a, *ACTIVATIONS)
        yield from dtype_is("b", b, a.dtype)

    def infer(self) -> TensorType:
        return TensorType(self.shape, self.output.dtype)

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target)
        yield from at_most_rank_4(self)

    def rescaled(self, values: np.ndarray) -> np.ndarray:
        """The result from its exact value."""
        return self.rescale.apply(values, NUMPY_DTYPES[self.output.dtype]).reshape(self.output.shape)

    def input_scales(self) -> dict[str, int]:
        """Fields of the instruction that only some kinds have."""
        return {}

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        a, b = (broadcast(view, output.shape) for view in inputs)
        instruction = isa.Elementwise(
            kind=self.kind, a=a, b=b, ofm=output, zp_a=self.zp_a, zp_b=self.zp_b, **self.input_scales(), **rescale_fields(self.rescale)
        )
        return [instruction]


def rescale_fields(rescale: Rescale) -> dict[str, Any]:
    """The output path's fields of an instruction with one scale."""
    return {
        "multiplier": rescale.multiplier[0], "shift": rescale.shift[0], "zp_out": rescale.zp_out,
        "lo": rescale.lo, "hi": rescale.hi, "double_round": int(rescale.double_round),
    }  # fmt: skip


def scaled(values: np.ndarray, zero_point: int, scale: tuple[int, int], double_round: bool, left_shift: int = 0) -> np.ndarray:
    """(((x - zp) << left_shift) * m + round) >> s, i64."""
    wide = (values.astype(np.int64) - zero_point) << left_shift
    return scale_values(wide, np.array(scale[:1], np.int64), np.array(scale[1:], np.int64), double_round)


def clamp_fields(lo: int, hi: int) -> dict[str, Any]:
    """A clamp and no scale, for a RESCALE."""
    return rescale_fields(Rescale(UNIT_SCALE[:1], UNIT_SCALE[1:], 0, lo, hi))
