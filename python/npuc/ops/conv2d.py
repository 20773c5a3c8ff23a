# SPDX-License-Identifier: Apache-2.0
"""conv2d: quantized 2-D convolution, grouped, dilated, strided, padded (TOSA CONV2D and RESCALE; TFLite CONV_2D)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import conv2d as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics import kernels
from npuc.numerics.rescale import Rescale
from npuc.ops import _conv
from npuc.ops._checks import activation_types, rank_is
from npuc.ops._columns import can_be_channels, few_channels, interior, strips
from npuc.ops._views import pack_records, records_view
from npuc.ops._windows import Axis, axes, cut_windows, window_problems
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Conv2d(OpSpec):
    """y[n,h,w,o] = rescale(bias[o] + sum over i,j,c of (x[n, h*sh - top + i*dh, w*sw - left + j*dw, c] - zp_x) * (k[o,i,j,c] - zp_w)).

    input i8, ui8 or i16 [N, H, W, C], weights i8 [O, KH, KW, C / groups], bias i32 or i64 [O] -> i8 or i16 [N, OH, OW, O]; or -> the bias's
    type: the accumulators, and the rescale has no meaning. Output channel o reads the input channels of its group o // (O / groups).
    Positions outside the image contribute 0. OH = floor((H + top + bottom - reach) / sh) + 1, reach = (KH - 1) * dh + 1; rows that the
    stride never reaches stay unread.
    """

    name: ClassVar[str] = "conv2d"
    operand_names: ClassVar[tuple[str, ...]] = ("input", "weights", "bias")
    param_operands: ClassVar[tuple[int, ...]] = (1, 2)

    strides: tuple[int, int] = param("stride along H and W", (1, 1))
    dilation: tuple[int, int] = param("distance of the kernel's taps along H and W", (1, 1))
    pads: tuple[int, int, int, int] = param("padding: top, bottom, left, right", (0, 0, 0, 0))
    groups: int = param("groups of channels that do not mix", 1)
    zp_x: int = param("zero point of the input", 0)
    zp_w: int = param("zero point of the weights", 0)
    rescale: Rescale = param("accumulator to output, one record or one for each output channel", Rescale((1 << 30,), (30,)))

    def _axes(self) -> tuple[Axis, Axis]:
        return axes(self.inputs[0].shape[1:3], self.inputs[1].shape[1:3], self.strides, self.dilation, self.pads)

    def malformed(self) -> Iterator[str]:
        x, weights, bias = self.inputs
        ranks = [*rank_is("input", x, 4), *rank_is("weights", weights, 4)]
        yield from ranks
        if ranks:
            return
        yield from _conv.operand_problems(self.inputs, self.output, weights.shape[0], self.zp_x, self.zp_w, self.rescale)
        if self.groups < 1 or x.shape[3] % self.groups or weights.shape[0] % self.groups:
            yield f"groups is {self.groups}, wanted a divisor of {x.shape[3]} input and {weights.shape[0]} output channels"
        elif weights.shape[3] != x.shape[3] // self.groups:
            yield f"weights have {weights.shape[3]} input channels, wanted {x.shape[3]} / {self.groups} groups = {x.shape[3] // self.groups}"
        yield from window_problems(self._axes())

    def infer(self) -> TensorType:
        rows, columns = self._axes()
        return TensorType((self.inputs[0].shape[0], rows.outputs, columns.outputs, self.inputs[1].shape[0]), self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        x, weights, bias = inputs
        acc = kernels.conv2d_acc(x, weights, bias, self.zp_x, self.zp_w, self.strides, self.dilation, self.pads, self.groups)
        return acc if _conv.is_accumulators(self.output) else self.rescale.apply(acc, NUMPY_DTYPES[self.output.dtype])

    @property
    def splits(self) -> frozenset[int]:
        return frozenset({0, 1, 2, 3}) if self.groups == 1 else frozenset({0, 1, 2})

    def tile(self, region: Region) -> Tile:
        """Output channels may be cut anywhere in one group, else at the borders of groups.

        Raises:
            ValueError: the region cuts through more than one group.
        """
        x, weights, bias = self.inputs
        (start, size), image = region[3], region[1:3]
        group_in, group_out = weights.shape[3], weights.shape[0] // self.groups
        first, last = start // group_out, (start + size - 1) // group_out
        groups = last - first + 1
        if groups > 1 and (start % group_out or size % group_out):
            raise ValueError(f"channels {start}..{start + size - 1} cut groups of {group_out}, wanted whole groups or a part of one")
        (rows, columns), pads = cut_windows(self._axes(), image)
        regions = ((region[0], rows, columns, (first * group_in, groups * group_in)), (region[3], *weights.whole[1:]), (region[3],))
        types = tuple(region_type(tensor, part) for tensor, part in zip((x, weights, bias), regions, strict=True))
        spec = replace(
            self,
            inputs=types,
            output=region_type(self.output, region),
            pads=pads,
            groups=groups,
            rescale=self.rescale.channels(start, size),
        )
        return Tile(spec, regions)

    def macs(self) -> int:
        return self.output.elements * self.inputs[1].elements // self.inputs[1].shape[0]

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target, "ui8", "i32")
        yield from _conv.field_limits(target, self.strides, self.dilation, self.groups)

    def limits_with_params(self, target: Target, weights: np.ndarray, bias: np.ndarray) -> Iterator[Refusal]:
        """See `accumulator_limits`."""
        yield from _conv.accumulator_limits(self.inputs[0], weights, bias, self.zp_x, self.zp_w)

    def param_bytes(self) -> int:
        return _conv.param_bytes(self.output.shape[3], self.inputs[1])

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        weights, bias = arrays
        return pack_records(self.rescale, bias) + weights.tobytes()

    def pack_for(self, target: Target, *arrays: np.ndarray) -> bytes:
        weights, bias = arrays
        if self.takes_columns_as_channels:
            # a stream has one order of the weights, columns as channels have another
            return self.pack_params(*arrays)
        return _conv.packed_params(pack_records(self.rescale, bias), weights, self.zp_w, target)

    def array_cycles(self, target: Target) -> int:
        n, height, width, channels = self.output.shape
        _, kernel_h, kernel_w, depth = self.inputs[1].shape
        out = height, width, channels // self.groups
        cycles = target.array.conv2d_cycles(out, out, depth, (kernel_h, kernel_w))
        if self.takes_columns_as_channels:
            # columns as channels, but for what the borders take
            out = height, interior(self._axes()[1])[1], channels
            cycles = min(cycles, target.array.conv2d_cycles(out, out, kernel_w * depth, (kernel_h, 1)))
        return n * self.groups * _conv.steps(self.inputs[0], target) * cycles

    @property
    def takes_columns_as_channels(self) -> bool:
        """Columns of the kernel may be taken as channels; see `npuc.ops._columns`."""
        return self.groups == 1 and few_channels(self.inputs[0].shape[3], self._axes()[1])

    @property
    def takes_bricks(self) -> bool:
        return self.groups == 1

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        channels = self.output.shape[3]
        weights = _conv.weights_part(params, channels, self.inputs[1].nhwc)
        whole = isa.Conv2d(
            ifm=inputs[0].padded(self.pads, self.zp_x), weights=weights.view, scales=records_view(params, channels), ofm=output,
            packed=weights.packed, kernel_h=weights.kernel_h, kernel_w=weights.kernel_w,
            stride_h=self.strides[0], stride_w=self.strides[1], dilation_h=self.dilation[0], dilation_w=self.dilation[1], groups=self.groups,
            zp_x=self.zp_x, zp_w=self.zp_w, zp_out=self.rescale.zp_out, lo=self.rescale.lo, hi=self.rescale.hi,
            double_round=int(self.rescale.double_round),
        )  # fmt: skip
        plain: list[Instruction] = [whole.blocked(target)]
        columns = self._axes()[1]
        if weights.packed or self.groups > 1 or not can_be_channels(inputs[0], columns):
            return plain
        rows = (*self.pads[:2], 0, 0)
        cut: list[Instruction] = [
            replace(whole, ifm=one.ifm.padded(rows, self.zp_x), weights=one.weights, ofm=one.ofm, stride_w=1).blocked(target)
            for one in strips(inputs[0], weights.view, output, columns)
        ]
        return min(plain, cut, key=lambda some: sum(one.cycles(target) for one in some))
