# SPDX-License-Identifier: Apache-2.0
"""Elementwise work of the vector unit: sums, products, extrema, rescale, and plain movement."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa import microblocks
from npuc.isa.base import DType, Instruction, Operand, Space, Unit, choice, i16, i32, operand, u8
from npuc.isa.records import clamp_problems, dtype_problems, limits, scale_problems, shape_problems, zero_point_problems
from npuc.numerics.rescale import scale_values
from npuc.targets.base import MicroBlockArray, Target

_INTEGERS = (DType.I8, DType.I16, DType.I32)
MAX_LEFT_SHIFT = 20


class ElementwiseKind(enum.IntEnum):
    """What is done to each element."""

    ADD = 0
    SUB = 1
    MUL = 2
    MAXIMUM = 3
    MINIMUM = 4
    RESCALE = 5
    COPY = 6


_SUMS = (ElementwiseKind.ADD, ElementwiseKind.SUB)
_EXTREMA = (ElementwiseKind.MAXIMUM, ElementwiseKind.MINIMUM)
_ONE_INPUT = (ElementwiseKind.RESCALE, ElementwiseKind.COPY)
_OUTPUT_KIND = {ElementwiseKind.ADD: "add", ElementwiseKind.SUB: "add", ElementwiseKind.MUL: "mul"}


def scaled(values: np.ndarray, multiplier: int, shift: int, double_round: int) -> np.ndarray:
    """(v * m + round) >> s in i64 with one multiplier and shift."""
    return scale_values(values, np.array([multiplier], np.int64), np.array([shift], np.int64), bool(double_round))


def stored(values: np.ndarray, zp_out: int, lo: int, hi: int, dtype: DType) -> np.ndarray:
    """clamp(v + zp_out) as `dtype`; lo and hi bound i8 and i16, an i32 result saturates at its own limits."""
    low, high = limits(dtype) if dtype is DType.I32 else (lo, hi)
    return np.clip(values + zp_out, low, high).astype(dtype.numpy)


@dataclass(frozen=True)
class Elementwise(Instruction):
    """One result for each position; stride 0 broadcasts an input.

    ADD, SUB: scale(scale_a((a - zp_a) << left_shift) +- scale_b((b - zp_b) << left_shift)) + zp_out, clamped; scale_a and scale_b
    include the headroom of the sum, unless left_shift makes it.
    MUL: scale((a - zp_a) * (b - zp_b)) + zp_out, clamped.  RESCALE: scale(a - zp_a) + zp_out, clamped.
    MAXIMUM, MINIMUM: of the stored values.  COPY: the bytes of a, any type; a padded a is a pad, free strides are any re-layout.
    """

    opcode: ClassVar[int] = 8
    mnemonic: ClassVar[str] = "elementwise"
    unit: ClassVar[Unit] = Unit.VECTOR

    kind: ElementwiseKind = choice(ElementwiseKind, "what is done")
    a: Operand = operand("first input [N, H, W, C], may be padded", role="in")
    b: Operand = operand("second input [N, H, W, C], may be padded", role="in?")
    ofm: Operand = operand("output [N, H, W, C]", role="out")
    zp_a: int = i16("zero point of a")
    zp_b: int = i16("zero point of b")
    multiplier_a: int = i32("multiplier of a in a sum")
    shift_a: int = u8("shift of a in a sum", 2)
    multiplier_b: int = i32("multiplier of b in a sum")
    shift_b: int = u8("shift of b in a sum", 2)
    multiplier: int = i32("multiplier of the result")
    shift: int = u8("shift of the result", 2)
    zp_out: int = i16("zero point of the output")
    lo: int = i16("least output; i8 and i16", -128)
    hi: int = i16("greatest output; i8 and i16", 127)
    double_round: int = u8("1: DOUBLE_ROUND, 0: SINGLE_ROUND, in every scale")
    left_shift: int = u8("a and b of a sum are multiplied by 2**left_shift before they are scaled, 0..20", since=1)

    def busy_cycles(self, target: Target) -> int:
        """Output path, one result an element."""
        return target.output.cycles(_OUTPUT_KIND.get(self.kind, "other"), self.ofm.elements)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            return microblocks.walked(self.block_work(), target)
        return super().cost(target)

    def problems(self) -> Iterator[str]:
        one_input = self.kind in _ONE_INPUT
        if self.b.present is one_input:
            yield f"{self.kind.name} has {'two inputs, wanted one' if one_input else 'one input, wanted two'}"
        # bytes without a sign are made and taken where a network's edges have them
        integers = (*_INTEGERS, DType.UI8) if self.kind is ElementwiseKind.RESCALE else _INTEGERS
        inputs = (("a", self.a),) if one_input else (("a", self.a), ("b", self.b))
        for name, view in inputs:
            yield from shape_problems(name, view.padded_shape, self.ofm.shape)
            yield from dtype_problems(name, view, *integers)
            if self.kind in (*_EXTREMA, ElementwiseKind.COPY):
                yield from dtype_problems(name, view, self.ofm.dtype)
        yield from dtype_problems("ofm", self.ofm, *integers)
        if self.kind in (*_EXTREMA, ElementwiseKind.COPY):
            return
        yield from scale_problems("output", self.multiplier, self.shift)
        if self.left_shift > MAX_LEFT_SHIFT:
            yield f"left_shift is {self.left_shift}, wanted 0..{MAX_LEFT_SHIFT}"
        if self.kind in _SUMS:
            yield from scale_problems("a", self.multiplier_a, self.shift_a)
            yield from scale_problems("b", self.multiplier_b, self.shift_b)
        if self.ofm.dtype is not DType.I32:
            yield from clamp_problems(self.ofm.dtype, self.zp_out, self.lo, self.hi)
        yield from zero_point_problems("zp_a", self.a.dtype, self.zp_a)
        if not one_input:
            yield from zero_point_problems("zp_b", self.b.dtype, self.zp_b)

    def block_work(self) -> microblocks.BlockWork:
        """Movement and rescale are windows of one position on the array, the rest is the output path's own."""
        if self.kind in _ONE_INPUT:
            return microblocks.pooled(self.a, self.ofm, (1, 1), (1, 1), "other")
        kind = _OUTPUT_KIND.get(self.kind, "other")
        if DType.I32 in (self.a.dtype, self.b.dtype):
            kind = "wide"
        elif self.kind is ElementwiseKind.MUL and self.ofm.dtype is DType.I32:
            kind = "wide_mul"
        return microblocks.pointwise((self.a, self.b), self.ofm, kind)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        a = self.a.read(memory[self.a.space])
        b = self.b.read(memory[self.b.space]) if self.b.present else a
        self.ofm.write(memory[self.ofm.space], self._value(a, b))

    def _value(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if self.kind is ElementwiseKind.COPY:
            return a
        if self.kind is ElementwiseKind.MAXIMUM:
            return np.maximum(a, b)
        if self.kind is ElementwiseKind.MINIMUM:
            return np.minimum(a, b)
        left = a.astype(np.int64) - self.zp_a
        if self.kind is ElementwiseKind.RESCALE:
            total = left
        elif self.kind is ElementwiseKind.MUL:
            total = left * (b.astype(np.int64) - self.zp_b)
        else:
            right = scaled((b.astype(np.int64) - self.zp_b) << self.left_shift, self.multiplier_b, self.shift_b, self.double_round)
            left = scaled(left << self.left_shift, self.multiplier_a, self.shift_a, self.double_round)
            total = left + right if self.kind is ElementwiseKind.ADD else left - right
        return stored(scaled(total, self.multiplier, self.shift, self.double_round), self.zp_out, self.lo, self.hi, self.ofm.dtype)
