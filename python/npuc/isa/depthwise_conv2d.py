# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution on the MAC unit."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa.base import Operand, Shape4, Space, Unit, choice, i16, operand, u8, u16
from npuc.isa.blocks import BlockedInstruction, Layout, LoopOrder, MacWork, dense_params, output_shape, pads_of
from npuc.isa.conv2d import block_limits, mac_output, mac_problems, suited
from npuc.isa.records import shape_problems, unpack_scales
from npuc.isa.weights import PACKED_DOC, packing_limits, packing_problems, unpacked
from npuc.targets.base import Target


@dataclass(frozen=True)
class DepthwiseConv2d(BlockedInstruction):
    """As conv2d, output channel o = c * M + m summing over input channel c alone."""

    opcode: ClassVar[int] = 2
    mnemonic: ClassVar[str] = "depthwise_conv2d"
    unit: ClassVar[Unit] = Unit.MAC

    ifm: Operand = operand("input i8, ui8 or i16 [N, H, W, C], may be padded", role="in")
    weights: Operand = operand("weights i8 [1, KH, KW, C * M], or their packed stream", role="in")
    scales: Operand = operand("one 10-byte record a channel (bias i32, multiplier i32, shift u16): i8 [1, 1, C * M, 10]", role="in")
    table: Operand = operand("256 entries i8 applied to the clamped result: i8 [1, 1, 1, 256]", role="in?")
    ofm: Operand = operand("output i8 or i16 [N, OH, OW, C * M], or i32: the accumulators", role="out")
    stride_h: int = u8("rows from one window to the next", 1)
    stride_w: int = u8("columns from one window to the next", 1)
    dilation_h: int = u8("rows from one tap to the next", 1)
    dilation_w: int = u8("columns from one tap to the next", 1)
    zp_x: int = i16("zero point of the input")
    zp_w: int = i16("zero point of the weights")
    zp_out: int = i16("zero point of the output")
    lo: int = i16("least output", -128)
    hi: int = i16("greatest output", 127)
    double_round: int = u8("1: DOUBLE_ROUND, 0: SINGLE_ROUND")
    block_h: int = u16("rows of an output block", 1)
    block_w: int = u16("columns of an output block", 1)
    block_c: int = u16("channels of an output block", 1)
    loop_order: LoopOrder = choice(LoopOrder, "which loop over blocks stands outside")
    packed: int = u8(PACKED_DOC, since=2)
    kernel_h: int = u8("rows of the kernel of packed weights, else 0", since=2)
    kernel_w: int = u8("columns of the kernel of packed weights, else 0", since=2)

    @property
    def weight_shape(self) -> Shape4:
        """1, KH, KW, C * M."""
        return (1, self.kernel_h, self.kernel_w, self.ofm.shape[3]) if self.packed else self.weights.shape

    def work(self, target: Target) -> MacWork:
        """What the cost depends on; on every target the same."""
        return self._work

    # asked by the decoder first and by timing again
    @functools.cached_property
    def _work(self) -> MacWork:
        _, kernel_h, kernel_w, out_channels = self.weight_shape
        n, height, width, _ = self.ofm.shape
        channels = self.ifm.shape[3]
        return MacWork(
            images=n, matrices=1, out=(height, width, out_channels), in_channels=channels, groups=1, channel_step=out_channels // channels,
            kernel=(kernel_h, kernel_w), strides=(self.stride_h, self.stride_w), dilation=(self.dilation_h, self.dilation_w),
            image=self.ifm.shape[1:3], pads=pads_of(self.ifm), ifm=Layout.of(self.ifm), ofm=Layout.of(self.ofm), weights=self.weights.space,
            output_kind="table" if self.table.present else "clamp", params=dense_params(self.scales, self.table),
            weight_bytes=self.weights.elements if self.packed else 0,
        )  # fmt: skip

    def problems(self) -> Iterator[str]:
        yield from mac_problems(self)
        one, kernel_h, kernel_w, out_channels = self.weight_shape
        if self.packed:
            yield from packing_problems(self.weights, (kernel_h, kernel_w))
        strides, dilation = (self.stride_h, self.stride_w), (self.dilation_h, self.dilation_w)
        if min(*strides, *dilation) < 1:
            yield f"strides and dilation are {strides}, {dilation}, wanted at least 1"
            return
        n, _, _, channels = self.ifm.shape
        if one != 1 or out_channels % channels:
            yield f"weights are {one}x{kernel_h}x{kernel_w}x{out_channels}, wanted 1xKHxKWx(a multiple of {channels})"
        window = output_shape(self.ifm.padded_shape, (kernel_h, kernel_w), strides, dilation)
        yield from shape_problems("ofm", self.ofm.shape, (n, *window, out_channels))
        yield from shape_problems("scales", self.scales.shape, (1, 1, out_channels, 10))

    def limits(self, target: Target) -> Iterator[str]:
        yield from packing_limits(self.packed, target)
        yield from block_limits(self, self.work(target), target)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        bias, multiplier, shift = unpack_scales(self.scales.read(memory[self.scales.space]))
        stored = memory[self.weights.space]
        acc = suited(kernels, self.ifm).depthwise_acc(
            x=self.ifm.read(memory[self.ifm.space]), w=self._unpacked(stored) if self.packed else self.weights.read(stored)[0], bias=bias,
            zp_x=self.zp_x, zp_w=self.zp_w, strides=(self.stride_h, self.stride_w), dilation=(self.dilation_h, self.dilation_w),
            pads=(0, 0, 0, 0),
        )  # fmt: skip
        mac_output(self, memory, acc, multiplier, shift)

    def _unpacked(self, stored: np.ndarray) -> np.ndarray:
        """A stream has output channels first and one input channel."""
        _, kernel_h, kernel_w, channels = self.weight_shape
        return np.ascontiguousarray(np.moveaxis(unpacked(self.weights, stored, (channels, kernel_h, kernel_w, 1), self.zp_w)[..., 0], 0, 2))
