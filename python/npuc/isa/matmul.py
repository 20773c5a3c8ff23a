# SPDX-License-Identifier: Apache-2.0
"""Matrix product of two activations on the MAC unit."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from npuc.isa import microblocks
from npuc.isa.base import ArrayWork, DType, Operand, Space, Unit, choice, i16, i32, operand, u8, u16
from npuc.isa.blocks import BlockedInstruction, Layout, LoopOrder, MacWork
from npuc.isa.conv2d import block_limits, block_problems
from npuc.isa.records import clamp_problems, dtype_problems, scale_problems, shape_problems, zero_point_problems
from npuc.targets.base import MicroBlockArray, Target, ceil_div


@dataclass(frozen=True)
class Matmul(BlockedInstruction):
    """out[b, m, n] = clamp(((sum_k (a - zp_a) * (b - zp_b)) * multiplier + round) >> shift) + zp_out, lo, hi).

    An i32 output receives the sums themselves. Strides are free, so a transposed factor is a view. The array takes the rows of `a` as
    pixels, folded over all its rows; a block is block_h * block_w rows of M by block_c columns of N; `b` plays the weights.
    """

    opcode: ClassVar[int] = 3
    mnemonic: ClassVar[str] = "matmul"
    unit: ClassVar[Unit] = Unit.MAC

    a: Operand = operand("left factor i8 [1, B, M, K]", role="in")
    b: Operand = operand("right factor i8 [1, B, K, N]", role="in")
    ofm: Operand = operand("product i8 [1, B, M, N], or i32: the sums", role="out")
    zp_a: int = i16("zero point of a")
    zp_b: int = i16("zero point of b")
    zp_out: int = i16("zero point of the output")
    lo: int = i16("least output", -128)
    hi: int = i16("greatest output", 127)
    multiplier: int = i32("multiplier of the rescale")
    shift: int = u8("shift of the rescale", 2)
    double_round: int = u8("1: DOUBLE_ROUND, 0: SINGLE_ROUND")
    block_h: int = u16("array rows of a block", 1)
    block_w: int = u16("array columns of a block", 1)
    block_c: int = u16("columns of N in a block", 1)
    loop_order: LoopOrder = choice(LoopOrder, "which loop over blocks stands outside")

    def work(self, target: Target) -> MacWork:
        """What the cost depends on; M is folded over the rows of the array."""
        _, batch, rows, depth = self.a.shape
        height = min(target.array.granule[0], rows)
        width = ceil_div(rows, height)
        _, _, a_row, a_column = self.a.strides
        _, _, o_row, o_column = self.ofm.strides
        return MacWork(
            images=1, matrices=batch, out=(height, width, self.ofm.shape[3]), in_channels=depth, groups=1, channel_step=0,
            kernel=(1, 1), strides=(1, 1), dilation=(1, 1), image=(height, width), pads=(0, 0),
            ifm=Layout(self.a.space, 1, (a_row * width, a_row, a_column)), ofm=Layout(self.ofm.space, self.ofm.dtype.bytes, (o_row * width, o_row, o_column)),
            weights=self.b.space, output_kind="clamp",
        )  # fmt: skip

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Cycles and port bytes by block and loop order; see `npuc.isa.blocks`."""
        return self._in_turn(target) if isinstance(target.array, MicroBlockArray) else super().cost(target)

    def _in_turn(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Machines whose array takes constant weights alone: for each column of b a product with every row of a, then a sum over it."""
        _, batch, rows, depth = self.a.shape
        products = Operand.dense(self.a.space, 0, (1, 1, rows, depth), DType.I32)
        row = replace(self.b, shape=(1, 1, rows, depth), strides=(0, 0, 0, self.b.strides[2]), brick_stride=0)
        column = replace(self.ofm, shape=(1, 1, rows, 1), brick_stride=0)
        multiplied = microblocks.pointwise((replace(self.a, shape=(1, 1, rows, depth)), row), products, "wide_mul")
        times = batch * self.b.shape[3]
        return microblocks.in_turn(((multiplied, times), (microblocks.summed(products, column, (1, 1), "other"), times)), target)

    def array_work(self, target: Target) -> ArrayWork:
        """All of it; where products and sums are taken in turn, the products at the array's full rate, and the rest is the output path's."""
        if not isinstance(target.array, MicroBlockArray):
            return super().array_work(target)
        macs = self.a.elements * self.b.shape[3]
        return ArrayWork(macs, False, ceil_div(macs, target.array.macs_per_cycle), self.cost(target)[0])

    def problems(self) -> Iterator[str]:
        for name in ("a", "b"):
            yield from dtype_problems(name, getattr(self, name), DType.I8)
        yield from dtype_problems("ofm", self.ofm, DType.I8, DType.I32)
        if any(self.a.pad) or any(self.b.pad):
            yield "a or b is padded, wanted factors without padding"
        _, batch, rows, depth = self.a.shape
        yield from shape_problems("b", self.b.shape, (1, batch, depth, self.b.shape[3]))
        yield from shape_problems("ofm", self.ofm.shape, (1, batch, rows, self.b.shape[3]))
        yield from shape_problems("a", self.a.shape, (1, batch, rows, depth))
        yield from clamp_problems(DType.I8, self.zp_out, self.lo, self.hi)
        yield from zero_point_problems("zp_a", DType.I8, self.zp_a)
        yield from zero_point_problems("zp_b", DType.I8, self.zp_b)
        yield from scale_problems("output", self.multiplier, self.shift)
        yield from block_problems(self)

    def limits(self, target: Target) -> Iterator[str]:
        yield from block_limits(self, self.work(target), target)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        a, b = self.a.read(memory[self.a.space])[0], self.b.read(memory[self.b.space])[0]
        acc = kernels.matmul_acc(a=a, b=b, zp_a=self.zp_a, zp_b=self.zp_b)
        if self.ofm.dtype is DType.I32:
            self.ofm.write(memory[self.ofm.space], acc[None])
            return
        y = kernels.rescale(
            acc=acc, multiplier=np.array([self.multiplier], np.int32), shift=np.array([self.shift], np.int32),
            zp_out=self.zp_out, lo=self.lo, hi=self.hi, double_round=bool(self.double_round),
        )  # fmt: skip
        self.ofm.write(memory[self.ofm.space], y[None])
