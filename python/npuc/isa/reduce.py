# SPDX-License-Identifier: Apache-2.0
"""Sums and maxima over whole dimensions on the vector unit."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from npuc.isa import microblocks
from npuc.isa.base import DType, Instruction, Operand, Space, Unit, choice, i16, i32, operand, u8
from npuc.isa.elementwise import scaled, stored
from npuc.isa.records import clamp_problems, dtype_problems, scale_problems, shape_problems, zero_point_problems
from npuc.targets.base import MicroBlockArray, Target


class ReduceKind(enum.IntEnum):
    """What is taken over the reduced dimensions."""

    SUM = 0
    MAX = 1


def rounding_divide(values: np.ndarray, exponent: int) -> np.ndarray:
    """v / 2**exponent rounded to nearest, halves away from zero (gemmlowp's RoundingDivideByPOT), i64."""
    wide = values.astype(np.int64)
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (wide < 0)
    return (wide >> exponent) + ((wide & mask) > threshold)


@dataclass(frozen=True)
class Reduce(Instruction):
    """SUM: clamp(scale(sum(round(x / 2**pre_shift) - zp_x)) + zp_out), or with `raw` the i32 sum itself.

    MAX: clamp(max(x)) of the stored values. Reduced dimensions have extent 1 in the output.
    """

    opcode: ClassVar[int] = 10
    mnemonic: ClassVar[str] = "reduce"
    unit: ClassVar[Unit] = Unit.VECTOR

    kind: ReduceKind = choice(ReduceKind, "what is taken")
    ifm: Operand = operand("input [N, H, W, C]", role="in")
    ofm: Operand = operand("output [N, H or 1, W or 1, C or 1]", role="out")
    reduce_h: int = u8("1: rows are reduced")
    reduce_w: int = u8("1: columns are reduced")
    reduce_c: int = u8("1: channels are reduced")
    zp_x: int = i16("zero point of the input")
    raw: int = u8("1: the i32 sum is the result")
    pre_shift: int = u8("each input is first divided by 2**pre_shift, halves away from zero")
    multiplier: int = i32("multiplier of the result")
    shift: int = u8("shift of the result", 2)
    zp_out: int = i16("zero point of the output")
    lo: int = i16("least output; i8 and i16", -128)
    hi: int = i16("greatest output; i8 and i16", 127)
    double_round: int = u8("1: DOUBLE_ROUND, 0: SINGLE_ROUND")

    @property
    def axes(self) -> tuple[int, ...]:
        """Reduced dimensions."""
        return tuple(axis for axis, flag in ((1, self.reduce_h), (2, self.reduce_w), (3, self.reduce_c)) if flag)

    def busy_cycles(self, target: Target) -> int:
        """Output path, one step an input element."""
        return target.output.cycles("other", self.ifm.elements)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            steps = [(self.block_work(), 1)]
            if self.pre_shift:
                # a step of its own over every input
                steps.append((microblocks.pointwise((self.ifm,), self.ifm, "wide"), 1))
            return microblocks.in_turn(steps, target) if len(steps) > 1 else microblocks.walked(self.block_work(), target)
        return super().cost(target)

    def problems(self) -> Iterator[str]:
        yield from dtype_problems("ifm", self.ifm, DType.I8, DType.I16, DType.I32)
        if any(self.ifm.pad):
            yield "ifm is padded, wanted an input without padding"
        yield from shape_problems("ofm", self.ofm.shape, tuple(1 if i in self.axes else size for i, size in enumerate(self.ifm.shape)))
        if self.pre_shift > 31:
            yield f"pre_shift is {self.pre_shift}, wanted 0..31"
        if self.kind is ReduceKind.MAX:
            yield from dtype_problems("ofm", self.ofm, self.ifm.dtype)
            if self.ofm.dtype is not DType.I32:
                yield from clamp_problems(self.ofm.dtype, 0, self.lo, self.hi)
            return
        if self.raw:
            yield from dtype_problems("ofm", self.ofm, DType.I32)
            return
        yield from dtype_problems("ofm", self.ofm, DType.I8, DType.I16, DType.I32)
        yield from scale_problems("output", self.multiplier, self.shift)
        yield from zero_point_problems("zp_x", self.ifm.dtype, self.zp_x)
        if self.ofm.dtype is not DType.I32:
            yield from clamp_problems(self.ofm.dtype, self.zp_out, self.lo, self.hi)

    def block_work(self) -> microblocks.BlockWork:
        """Sums over channels have a walk of their own; what else is reduced is a window, the channels laid out as columns."""
        _, height, width, channels = self.ifm.shape
        kernel = height if self.reduce_h else 1, width if self.reduce_w else 1
        if not self.reduce_c:
            return microblocks.pooled(self.ifm, self.ofm, kernel, (1, 1), "other")
        if self.kind is ReduceKind.SUM:
            return microblocks.summed(self.ifm, self.ofm, kernel, "other")
        rows = height * width
        _, _, pixel, step = self.ifm.strides
        outputs = self.ofm.elements // self.ofm.shape[0]
        columns = replace(
            self.ifm,
            shape=(self.ifm.shape[0], rows, channels, 1),
            strides=(self.ifm.strides[0], pixel, step, step),
            wrap_rows=0,
            first_row=0,
            brick_stride=0,
        )
        ofm = replace(self.ofm, shape=(self.ofm.shape[0], outputs, 1, 1), brick_stride=0)
        return microblocks.pooled(columns, ofm, (rows // outputs, channels), (rows // outputs, 1), "other")

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        x = self.ifm.read(memory[self.ifm.space])
        if self.kind is ReduceKind.MAX:
            y = stored(x.max(axis=self.axes, keepdims=True), 0, self.lo, self.hi, self.ofm.dtype)
        else:
            y = self._sum(x)
        self.ofm.write(memory[self.ofm.space], y)

    def _sum(self, x: np.ndarray) -> np.ndarray:
        wide = rounding_divide(x, self.pre_shift) if self.pre_shift else x.astype(np.int64)
        total = (wide - self.zp_x).sum(axis=self.axes, keepdims=True)
        if self.raw:
            return total.astype(np.int32)
        return stored(scaled(total, self.multiplier, self.shift, self.double_round), self.zp_out, self.lo, self.hi, self.ofm.dtype)
