# SPDX-License-Identifier: Apache-2.0
"""depthwise_conv2d: each input channel convolved on its own (TOSA DEPTHWISE_CONV2D and RESCALE; TFLite DEPTHWISE_CONV_2D)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import depthwise_conv2d as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics import kernels
from npuc.numerics.rescale import Rescale
from npuc.ops import _conv
from npuc.ops._checks import activation_types, rank_is
from npuc.ops._views import pack_records, records_view
from npuc.ops._windows import Axis, axes, cut_windows, window_problems
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class DepthwiseConv2d(OpSpec):
    """y[n,h,w,o] = rescale(bias[o] + sum over i,j of (x[n, h*sh - top + i*dh, w*sw - left + j*dw, o // M] - zp_x) * (k[i,j,o] - zp_w)).

    input i8, ui8 or i16 [N, H, W, C], weights i8 [KH, KW, C * M], bias i32 or i64 [C * M] -> i8 or i16 [N, OH, OW, C * M]; or -> the bias's
    type: the accumulators, and the rescale has no meaning. Positions outside the image contribute 0. OH as in conv2d.
    """

    name: ClassVar[str] = "depthwise_conv2d"
    operand_names: ClassVar[tuple[str, ...]] = ("input", "weights", "bias")
    param_operands: ClassVar[tuple[int, ...]] = (1, 2)

    strides: tuple[int, int] = param("stride along H and W", (1, 1))
    dilation: tuple[int, int] = param("distance of the kernel's taps along H and W", (1, 1))
    pads: tuple[int, int, int, int] = param("padding: top, bottom, left, right", (0, 0, 0, 0))
    zp_x: int = param("zero point of the input", 0)
    zp_w: int = param("zero point of the weights", 0)
    rescale: Rescale = param("accumulator to output, one record or one for each output channel", Rescale((1 << 30,), (30,)))

    def _axes(self) -> tuple[Axis, Axis]:
        return axes(self.inputs[0].shape[1:3], self.inputs[1].shape[:2], self.strides, self.dilation, self.pads)

    @property
    def _multiplier(self) -> int:
        return self.inputs[1].shape[2] // self.inputs[0].shape[3]

    def malformed(self) -> Iterator[str]:
        x, weights, bias = self.inputs
        ranks = [*rank_is("input", x, 4), *rank_is("weights", weights, 3)]
        yield from ranks
        if ranks:
            return
        yield from _conv.operand_problems(self.inputs, self.output, weights.shape[2], self.zp_x, self.zp_w, self.rescale)
        if weights.shape[2] % x.shape[3]:
            yield f"weights have {weights.shape[2]} channels, wanted a multiple of the input's {x.shape[3]}"
        yield from window_problems(self._axes())

    def infer(self) -> TensorType:
        rows, columns = self._axes()
        return TensorType((self.inputs[0].shape[0], rows.outputs, columns.outputs, self.inputs[1].shape[2]), self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        x, weights, bias = inputs
        acc = kernels.depthwise_acc(x, weights, bias, self.zp_x, self.zp_w, self.strides, self.dilation, self.pads)
        return acc if _conv.is_accumulators(self.output) else self.rescale.apply(acc, NUMPY_DTYPES[self.output.dtype])

    @property
    def splits(self) -> frozenset[int]:
        return frozenset({0, 1, 2, 3}) if self._multiplier == 1 else frozenset({0, 1, 2})

    def tile(self, region: Region) -> Tile:
        """Channels may be cut at the borders of input channels, or within one.

        Raises:
            ValueError: the region cuts through an input channel's outputs and holds others too.
        """
        x, weights, bias = self.inputs
        (start, size), each = region[3], self._multiplier
        first, last = start // each, (start + size - 1) // each
        if last > first and (start % each or size % each):
            raise ValueError(f"channels {start}..{start + size - 1} cut sets of {each}, wanted whole sets or a part of one")
        (rows, columns), pads = cut_windows(self._axes(), region[1:3])
        regions = ((region[0], rows, columns, (first, last - first + 1)), (*weights.whole[:2], region[3]), (region[3],))
        types = tuple(region_type(tensor, cut) for tensor, cut in zip((x, weights, bias), regions, strict=True))
        spec = replace(self, inputs=types, output=region_type(self.output, region), pads=pads, rescale=self.rescale.channels(start, size))
        return Tile(spec, regions)

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0, 1, 2) if self._multiplier == 1 else ()

    def macs(self) -> int:
        return self.output.elements * self.inputs[1].shape[0] * self.inputs[1].shape[1]

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target, "ui8", "i32")
        yield from _conv.field_limits(target, self.strides, self.dilation)

    def limits_with_params(self, target: Target, weights: np.ndarray, bias: np.ndarray) -> Iterator[Refusal]:
        """See `accumulator_limits`."""
        yield from _conv.accumulator_limits(self.inputs[0], np.moveaxis(weights, 2, 0), bias, self.zp_x, self.zp_w)

    def param_bytes(self) -> int:
        return _conv.param_bytes(self.output.shape[3], self.inputs[1])

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        weights, bias = arrays
        return pack_records(self.rescale, bias) + weights.tobytes()

    def pack_for(self, target: Target, *arrays: np.ndarray) -> bytes:
        weights, bias = arrays
        return _conv.packed_params(pack_records(self.rescale, bias), weights, self.zp_w, target, depthwise=True)

    def array_cycles(self, target: Target) -> int:
        n, height, width, channels = self.output.shape
        kernel_h, kernel_w, _ = self.inputs[1].shape
        out = height, width, channels
        return n * _conv.steps(self.inputs[0], target) * target.array.depthwise_cycles(out, out, (kernel_h, kernel_w))

    @property
    def takes_bricks(self) -> bool:
        return True

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        channels = self.output.shape[3]
        weights = _conv.weights_part(params, channels, self.inputs[1].nhwc)
        instruction = isa.DepthwiseConv2d(
            ifm=inputs[0].padded(self.pads, self.zp_x), weights=weights.view, scales=records_view(params, channels), ofm=output,
            packed=weights.packed, kernel_h=weights.kernel_h, kernel_w=weights.kernel_w,
            stride_h=self.strides[0], stride_w=self.strides[1], dilation_h=self.dilation[0], dilation_w=self.dilation[1],
            zp_x=self.zp_x, zp_w=self.zp_w, zp_out=self.rescale.zp_out, lo=self.rescale.lo, hi=self.rescale.hi,
            double_round=int(self.rescale.double_round),
        )  # fmt: skip
        return [instruction.blocked(target)]
