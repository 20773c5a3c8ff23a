# SPDX-License-Identifier: Apache-2.0
"""Convolution: the MAC unit's main instruction."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa.base import DType, Operand, Shape4, Space, Unit, choice, i16, operand, u8, u16
from npuc.isa.blocks import BlockedInstruction, Layout, LoopOrder, MacWork, block_refusals, dense_params, output_shape, pads_of
from npuc.isa.records import clamp_problems, dtype_problems, shape_problems, unpack_scales, zero_point_problems
from npuc.isa.weights import PACKED_DOC, packing_limits, packing_problems, unpacked
from npuc.numerics import kernels as truth
from npuc.numerics.rescale import rescale
from npuc.targets.base import Target


@dataclass(frozen=True)
class Conv2d(BlockedInstruction):
    """out = table[clamp(((sum((x - zp_x) * (w - zp_w)) + bias) * multiplier + round) >> shift) + zp_out, lo, hi) + 128].

    Without a table the clamped value itself is the result. An i32 output receives the accumulators themselves, sum + bias. A product
    with an i16 input takes as many steps of the array as the target says.
    """

    opcode: ClassVar[int] = 1
    mnemonic: ClassVar[str] = "conv2d"
    unit: ClassVar[Unit] = Unit.MAC

    ifm: Operand = operand("input i8, ui8 or i16 [N, H, W, C], may be padded", role="in")
    weights: Operand = operand("weights i8 [O, KH, KW, C / groups], or their packed stream", role="in")
    scales: Operand = operand("one 10-byte record a channel (bias i32, multiplier i32, shift u16): i8 [1, 1, O, 10]", role="in")
    table: Operand = operand("256 entries i8 applied to the clamped result: i8 [1, 1, 1, 256]", role="in?")
    ofm: Operand = operand("output i8 or i16 [N, OH, OW, O], or i32: the accumulators", role="out")
    stride_h: int = u8("rows from one window to the next", 1)
    stride_w: int = u8("columns from one window to the next", 1)
    dilation_h: int = u8("rows from one tap to the next", 1)
    dilation_w: int = u8("columns from one tap to the next", 1)
    groups: int = u16("groups of channels", 1)
    zp_x: int = i16("zero point of the input")
    zp_w: int = i16("zero point of the weights")
    zp_out: int = i16("zero point of the output")
    lo: int = i16("least output", -128)
    hi: int = i16("greatest output", 127)
    double_round: int = u8("1: DOUBLE_ROUND, 0: SINGLE_ROUND")
    block_h: int = u16("rows of an output block", 1)
    block_w: int = u16("columns of an output block", 1)
    block_c: int = u16("channels of an output block, within a group", 1)
    loop_order: LoopOrder = choice(LoopOrder, "which loop over blocks stands outside")
    packed: int = u8(PACKED_DOC, since=2)
    kernel_h: int = u8("rows of the kernel of packed weights, else 0", since=2)
    kernel_w: int = u8("columns of the kernel of packed weights, else 0", since=2)

    @property
    def weight_shape(self) -> Shape4:
        """O, KH, KW, C / groups."""
        if not self.packed:
            return self.weights.shape
        return self.ofm.shape[3], self.kernel_h, self.kernel_w, self.ifm.shape[3] // max(self.groups, 1)

    def work(self, target: Target) -> MacWork:
        """What the cost depends on; on every target the same."""
        return self._work

    # asked by the decoder first and by timing again
    @functools.cached_property
    def _work(self) -> MacWork:
        out_channels, kernel_h, kernel_w, in_channels = self.weight_shape
        n, height, width, _ = self.ofm.shape
        return MacWork(
            images=n, matrices=1, out=(height, width, out_channels // self.groups), in_channels=in_channels, groups=self.groups, channel_step=0,
            kernel=(kernel_h, kernel_w), strides=(self.stride_h, self.stride_w), dilation=(self.dilation_h, self.dilation_w),
            image=self.ifm.shape[1:3], pads=pads_of(self.ifm), ifm=Layout.of(self.ifm), ofm=Layout.of(self.ofm), weights=self.weights.space,
            output_kind="table" if self.table.present else "clamp", params=dense_params(self.scales, self.table),
            weight_bytes=self.weights.elements if self.packed else 0,
        )  # fmt: skip

    def problems(self) -> Iterator[str]:
        yield from mac_problems(self)
        out_channels, kernel_h, kernel_w, in_channels = self.weight_shape
        if self.packed:
            yield from packing_problems(self.weights, (kernel_h, kernel_w))
        strides, dilation = (self.stride_h, self.stride_w), (self.dilation_h, self.dilation_w)
        if min(*strides, *dilation, self.groups) < 1:
            yield f"strides, dilation and groups are {strides}, {dilation}, {self.groups}, wanted at least 1"
            return
        if out_channels % self.groups:
            yield f"groups is {self.groups}, wanted a divisor of {out_channels} output channels"
        n, _, _, channels = self.ifm.shape
        if in_channels * self.groups != channels:
            yield f"weights have {in_channels} input channels in {self.groups} groups, the input has {channels}"
        window = output_shape(self.ifm.padded_shape, (kernel_h, kernel_w), strides, dilation)
        yield from shape_problems("ofm", self.ofm.shape, (n, *window, out_channels))
        yield from shape_problems("scales", self.scales.shape, (1, 1, out_channels, 10))

    def limits(self, target: Target) -> Iterator[str]:
        yield from packing_limits(self.packed, target)
        yield from block_limits(self, self.work(target), target)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        bias, multiplier, shift = unpack_scales(self.scales.read(memory[self.scales.space]))
        stored = memory[self.weights.space]
        weights = unpacked(self.weights, stored, self.weight_shape, self.zp_w) if self.packed else self.weights.read(stored)
        acc = suited(kernels, self.ifm).conv2d_acc(
            x=self.ifm.read(memory[self.ifm.space]), w=weights, bias=bias,
            zp_x=self.zp_x, zp_w=self.zp_w, strides=(self.stride_h, self.stride_w), dilation=(self.dilation_h, self.dilation_w),
            pads=(0, 0, 0, 0), groups=self.groups,
        )  # fmt: skip
        mac_output(self, memory, acc, multiplier, shift)


def mac_problems(instruction: Any) -> Iterator[str]:
    """What every convolution demands of its operands."""
    for name in ("weights", "scales", "table"):
        yield from dtype_problems(name, getattr(instruction, name), DType.I8)
    yield from dtype_problems("ifm", instruction.ifm, DType.I8, DType.I16, DType.UI8)
    yield from dtype_problems("ofm", instruction.ofm, DType.I8, DType.I16, DType.I32)
    if instruction.ofm.dtype is not DType.I8 and instruction.table.present:
        yield f"a table is present with an {instruction.ofm.dtype.name.lower()} output, wanted none: it looks up i8"
    if instruction.table.present:
        yield from shape_problems("table", instruction.table.shape, (1, 1, 1, 256))
    yield from clamp_problems(DType.I16 if instruction.ofm.dtype is DType.I16 else DType.I8, instruction.zp_out, instruction.lo, instruction.hi)
    yield from zero_point_problems("zp_x", instruction.ifm.dtype, instruction.zp_x)
    yield from zero_point_problems("zp_w", DType.I8, instruction.zp_w)
    yield from block_problems(instruction)


def block_problems(instruction: Any) -> Iterator[str]:
    """A block has an extent."""
    block = instruction.block_h, instruction.block_w, instruction.block_c
    if min(block) < 1:
        yield f"block is {block}, wanted at least 1 each way"


def block_limits(instruction: Any, work: MacWork, target: Target) -> Iterator[str]:
    """The core of `target` takes the input's element type, and can do the work in the instruction's blocks."""
    if work.ifm.element not in target.array.activation_steps:
        yield f"activations have {work.ifm.element} bytes, the array of {target.name} takes {max(target.array.activation_steps)}"
        return
    yield from block_refusals(work, (instruction.block_h, instruction.block_w, instruction.block_c), instruction.loop_order, target)


def suited(kernels: Any, ifm: Operand) -> Any:
    """The kernels for an input of this type: those of an engine take i8, and the truth computes the rest."""
    return kernels if ifm.dtype is DType.I8 else truth


def mac_output(instruction: Any, memory: dict[Space, np.ndarray], acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> None:
    """Rescale accumulators i32 [N, OH, OW, O], look them up where there is a table, and store them; an i32 output stores them as they are."""
    if instruction.ofm.dtype is DType.I32:
        instruction.ofm.write(memory[instruction.ofm.space], acc)
        return
    y = rescale(
        acc, multiplier.astype(np.int64), shift.astype(np.int64), instruction.zp_out, instruction.lo, instruction.hi,
        bool(instruction.double_round), instruction.ofm.dtype.numpy,
    )  # fmt: skip
    if instruction.table.present:
        y = instruction.table.read(memory[instruction.table.space]).reshape(-1)[y.astype(np.int16) + 128]
    instruction.ofm.write(memory[instruction.ofm.space], y)
