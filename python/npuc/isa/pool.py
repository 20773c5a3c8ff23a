# SPDX-License-Identifier: Apache-2.0
"""Pooling windows on the vector unit; the array pays for the taps on machines that pool there."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa import microblocks
from npuc.isa.base import DType, Instruction, Operand, Space, Unit, choice, i16, operand, u8, u16
from npuc.isa.blocks import output_shape
from npuc.isa.records import clamp_problems, dtype_problems, limits, shape_problems, unpack_scales, zero_point_problems
from npuc.numerics.pool import divided
from npuc.numerics.rescale import rescale
from npuc.targets.base import MicroBlockArray, Target


class PoolKind(enum.IntEnum):
    """What is taken of a window."""

    MAX = 0
    AVG = 1


class Average(enum.IntEnum):
    """How a sum over the positions of a window becomes their average."""

    SCALE = 0
    HALF_AWAY = 1
    HALF_UP = 2


def _counts(out: int, kernel: int, stride: int, before: int, extent: int) -> np.ndarray:
    """i64 [out]: positions of each window inside 0..extent-1 along one dimension."""
    low = np.arange(out, dtype=np.int64) * stride - before
    return np.minimum(low + kernel, extent) - np.maximum(low, 0)


@dataclass(frozen=True)
class Pool(Instruction):
    """MAX: clamp(max over positions inside the image).  AVG: clamp(scale[count](sum(x - zp_x over them)) + zp_out).
    AVG by HALF_AWAY or HALF_UP (TFLite's, int8 and uint8): clamp(sum(x) / count) of stored values, halves away from zero or up.

    Padding of the input is what lies outside the image; the value of the padding is not looked at.
    """

    opcode: ClassVar[int] = 9
    mnemonic: ClassVar[str] = "pool"
    unit: ClassVar[Unit] = Unit.VECTOR

    kind: PoolKind = choice(PoolKind, "what is taken")
    ifm: Operand = operand("input i8 or i16 [N, H, W, C], may be padded", role="in")
    scales: Operand = operand("AVG: R 10-byte records i8 [1, 1, R, 10]; R = 1: one for all; R = KH * KW: record count - 1", role="in?")
    ofm: Operand = operand("output [N, OH, OW, C] of the input's type", role="out")
    kernel_h: int = u16("rows of a window", 1)
    kernel_w: int = u16("columns of a window", 1)
    stride_h: int = u8("rows from one window to the next", 1)
    stride_w: int = u8("columns from one window to the next", 1)
    zp_x: int = i16("zero point of the input")
    zp_out: int = i16("zero point of the output")
    lo: int = i16("least output", -128)
    hi: int = i16("greatest output", 127)
    double_round: int = u8("1: DOUBLE_ROUND, 0: SINGLE_ROUND")
    average: Average = choice(Average, "AVG: by scale records, or by a division", since=1)

    def busy_cycles(self, target: Target) -> int:
        """Output path once a tap."""
        kind = "max_pool" if self.kind is PoolKind.MAX else "other"
        return target.output.cycles(kind, self.ofm.elements, self.kernel_h * self.kernel_w)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            return microblocks.walked(self.block_work(), target)
        return super().cost(target)

    def problems(self) -> Iterator[str]:
        yield from dtype_problems("ifm", self.ifm, DType.I8, DType.I16)
        yield from dtype_problems("ofm", self.ofm, self.ifm.dtype)
        yield from dtype_problems("scales", self.scales, DType.I8)
        kernel, strides = (self.kernel_h, self.kernel_w), (self.stride_h, self.stride_w)
        if min(*kernel, *strides) < 1:
            yield f"kernel and strides are {kernel}, {strides}, wanted at least 1"
            return
        n, _, _, channels = self.ifm.shape
        yield from shape_problems("ofm", self.ofm.shape, (n, *output_shape(self.ifm.padded_shape, kernel, strides, (1, 1)), channels))
        top, bottom, left, right = self.ifm.pad
        if max(top, bottom) >= self.kernel_h or max(left, right) >= self.kernel_w:
            yield f"padding is {self.ifm.pad} with windows of {kernel}, wanted at least one position of the image in each window"
        if self.kind is PoolKind.AVG and self.average is not Average.SCALE:
            if self.scales.present:
                yield "scales are present, wanted none where the sum is divided"
        elif self.kind is PoolKind.AVG:
            records = self.scales.shape[2]
            if records not in (1, self.kernel_h * self.kernel_w):
                yield f"scales hold {records} records, wanted 1 or {self.kernel_h * self.kernel_w}"
            yield from shape_problems("scales", self.scales.shape, (1, 1, records, 10))
        yield from clamp_problems(min(self.ofm.dtype, DType.I16), self.zp_out, self.lo, self.hi)
        yield from zero_point_problems("zp_x", self.ifm.dtype, self.zp_x)

    def limits(self, target: Target) -> Iterator[str]:
        # a greatest of 16 bits is charged by the byte, as the published estimator does; of their sums nothing is known
        known = (1, 2) if self.kind is PoolKind.MAX else tuple(target.array.activation_steps)
        if self.ifm.dtype.bytes not in known:
            yield f"ifm is {self.ifm.dtype.name.lower()}, {target.name} pools i8"

    def block_work(self) -> microblocks.BlockWork:
        """A window on the array; results that are not clamped leave faster."""
        kind = "max_pool" if self.kind is PoolKind.MAX and (self.lo, self.hi) == limits(self.ofm.dtype) else "clamp"
        return microblocks.pooled(
            self.ifm, self.ofm, (self.kernel_h, self.kernel_w), (self.stride_h, self.stride_w), kind, scales=self.scales
        )

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        x = self.ifm.read(memory[self.ifm.space])
        if self.kind is PoolKind.MAX:
            y = np.clip(self._fold(x, limits(self.ifm.dtype)[0], np.maximum), self.lo, self.hi)
        elif self.average is not Average.SCALE:
            total = self._fold(x.astype(np.int64), 0, np.add)
            y = np.clip(divided(total, self._positions()[:, :, None], self.average is Average.HALF_UP), self.lo, self.hi)
        else:
            total = self._fold(x.astype(np.int32) - self.zp_x, 0, np.add)
            _, multiplier, shift = unpack_scales(self.scales.read(memory[self.scales.space]))
            if len(multiplier) > 1:
                index = self._positions() - 1
                multiplier, shift = multiplier[index][:, :, None], shift[index][:, :, None]
            scale = multiplier.astype(np.int64), shift.astype(np.int64)
            y = rescale(total, *scale, self.zp_out, self.lo, self.hi, bool(self.double_round), self.ofm.dtype.numpy)
        self.ofm.write(memory[self.ofm.space], y.astype(self.ofm.dtype.numpy))

    def _fold(self, x: np.ndarray, outside: int, join: Any) -> np.ndarray:
        """Fold `join` over each window, padding replaced by `outside`."""
        top, bottom, left, right = self.ifm.pad
        x[:, :top], x[:, x.shape[1] - bottom :] = outside, outside
        x[:, :, :left], x[:, :, x.shape[2] - right :] = outside, outside
        _, out_h, out_w, _ = self.ofm.shape

        def tap(row: int, column: int) -> np.ndarray:
            down, across = (out_h - 1) * self.stride_h + 1, (out_w - 1) * self.stride_w + 1
            return x[:, row : row + down : self.stride_h, column : column + across : self.stride_w]

        found = tap(0, 0).copy()
        for row in range(self.kernel_h):
            for column in range(self.kernel_w):
                if row or column:
                    join(found, tap(row, column), out=found)
        return found

    def _positions(self) -> np.ndarray:
        """i64 [OH, OW]: positions of each window inside the image."""
        _, height, width, _ = self.ifm.shape
        _, out_h, out_w, _ = self.ofm.shape
        rows = _counts(out_h, self.kernel_h, self.stride_h, self.ifm.pad[0], height)
        columns = _counts(out_w, self.kernel_w, self.stride_w, self.ifm.pad[2], width)
        return rows[:, None] * columns[None, :]
