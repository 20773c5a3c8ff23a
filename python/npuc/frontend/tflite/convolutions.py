# SPDX-License-Identifier: Apache-2.0
"""Convolutions and fully connected layers: sums in 32 or 64 bits, brought to the result by a scale for each output channel."""

import numpy as np
from torch_mlir import ir

from npuc.frontend.tflite._graph import QUANTIZE_WHOLE, Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite._windows import pads_of
from npuc.ops._checks import ACTIVATIONS
from npuc.ops._transpose_conv import PhaseAxis, phase_weights
from npuc.ops.base import TensorType
from npuc.ops.conv2d import Conv2d
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.ops.fully_connected import FullyConnected
from npuc.ops.matmul import Matmul
from npuc.ops.reshape import Reshape
from npuc.ops.slice import Slice
from npuc.ops.transpose import Transpose

# the schema's number of an element type, as TfLite's C interface counts
_INT32 = 2


def check_types(g: Importer, *indices: int, dtypes: tuple[str, ...] = ("i8",)) -> None:
    """Tensors of one type, of those that the operator takes; 16-bit codes have no zero point."""
    first = g.tensor(indices[0]).dtype
    for index in indices:
        if g.tensor(index).dtype not in dtypes or g.tensor(index).dtype != first:
            wanted = "int8 or uint8" if dtypes == ("i8",) else "int8, uint8 or int16, one for all"
            advice = QUANTIZE_WHOLE if g.tensor(index).dtype == "f32" else ""
            raise g.refuse("element type", found=f"{g.file(index).dtype} of '{g.file(index).name}'", wanted=wanted, advice=advice)
        if first == "i16" and g.zero_point(index):
            raise g.refuse("zero point of 16-bit codes", found=g.zero_point(index), wanted=0)


def check_products(g: Importer, x: int, weights: int, output: int) -> None:
    """Activations of one type, weights in 8 bits."""
    check_types(g, x, output, dtypes=ACTIVATIONS)
    check_types(g, weights)


def weight_scales(g: Importer, weights: int, channels: int, axis: int) -> list[float]:
    """One scale, or one an output channel."""
    one = g.file(weights)
    if len(one.scales) not in (1, channels) or len(one.scales) > 1 and one.axis != axis:
        raise g.refuse(
            "scales of the weights", found=f"{len(one.scales)} along dimension {one.axis}", wanted=f"1, or {channels} along {axis}"
        )
    if len(set(one.zero_points)) > 1:
        raise g.refuse("zero points of the weights", found=sorted(set(one.zero_points))[:4], wanted="one for all channels")
    return list(one.scales)


def factors(g: Importer, x: int, scales: list[float], output: int, one_product: bool) -> list[float]:
    """Real factors from sums to output: in double precision for each channel; of older kernels, the product in single precision."""
    scale, out = g.scale(x), g.scale(output)
    if one_product:
        return [float(np.float32(scale) * np.float32(value)) / out for value in scales]
    return [scale * value / out for value in scales]


def bias_of(g: Importer, op: FileOp, position: int, channels: int) -> np.ndarray:
    """[channels] in the type of the sums: i32, of 16-bit activations i64 unless the operator says i32; zeros where there is none."""
    narrow = g.tensor(op.outputs[0]).dtype == "i8" or g.option("QuantizedBiasType", 0) == _INT32
    wanted = np.int32 if narrow else np.int64
    if len(op.inputs) <= position or op.inputs[position] < 0:
        return np.zeros(channels, wanted)
    found = g.constant(op.inputs[position])
    if found.dtype != wanted or found.shape != (channels,):
        raise g.refuse("the bias", found=f"{found.dtype} {found.shape}", wanted=f"{np.dtype(wanted)} ({channels},)")
    return found


def weight_zero_point(g: Importer, weights: int) -> int:
    """Convolutions of int8 take theirs for 0, whatever the file says."""
    return g.zero_point(weights) if g.file(weights).dtype == "ui8" else 0


def conv2d(g: Importer, op: FileOp) -> None:
    """Double rounding, a scale for each channel."""
    x, w = op.inputs[:2]
    check_products(g, x, w, op.outputs[0])
    weights = g.constant(w)
    if weights.ndim != 4:
        raise g.refuse("shape of the weights", found=weights.shape, wanted="four dimensions")
    channels = weights.shape[0]
    strides = g.option("StrideH"), g.option("StrideW")
    dilation = g.option("DilationHFactor"), g.option("DilationWFactor")
    legacy = g.file(w).dtype == "ui8"
    scales = factors(g, x, weight_scales(g, w, channels, 0), op.outputs[0], legacy)
    source, dilation, pads = _source(g, x, weights.shape[1:3], strides, dilation)
    bias = bias_of(g, op, 2, channels)
    rescale = g.rescale(scales, op.outputs[0], True, g.option("FusedActivationFunction"), wide_sums=bias.dtype == np.int64)
    value = g.emit(
        Conv2d, [source, weights, bias], strides=strides, dilation=dilation, pads=pads,
        groups=g.tensor(x).shape[3] // max(1, weights.shape[3]),
        zp_x=g.zero_point(x), zp_w=weight_zero_point(g, w), rescale=rescale,
    )  # fmt: skip
    _finish(g, x, value)


def _source(g: Importer, x: int, kernel: tuple[int, ...], strides: tuple, dilation: tuple) -> tuple[ir.Value, tuple, tuple]:
    """Input, dilation and padding: of a convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, those of the dilated one."""
    spread = g.spread.get(x)
    if spread is not None:
        return spread.value, spread.block, spread.pads
    return g.value(x), dilation, pads_of(g, g.tensor(x).shape[1:3], kernel, strides, dilation)


def _finish(g: Importer, x: int, value: ir.Value) -> None:
    if x in g.spread:
        assert g.op is not None
        g.gathered[g.op.outputs[0]] = value
    else:
        g.finish(value)


def depthwise_conv2d(g: Importer, op: FileOp) -> None:
    """As conv2d; weights 1HWO."""
    x, w = op.inputs[:2]
    check_products(g, x, w, op.outputs[0])
    weights = g.constant(w)
    if weights.ndim != 4 or weights.shape[0] != 1:
        raise g.refuse("shape of the weights", found=weights.shape, wanted="1 x KH x KW x channels")
    channels = weights.shape[3]
    strides = g.option("StrideH"), g.option("StrideW")
    dilation = g.option("DilationHFactor"), g.option("DilationWFactor")
    scales = factors(g, x, weight_scales(g, w, channels, 3), op.outputs[0], g.file(w).dtype == "ui8")
    source, dilation, pads = _source(g, x, weights.shape[1:3], strides, dilation)
    bias = bias_of(g, op, 2, channels)
    rescale = g.rescale(scales, op.outputs[0], True, g.option("FusedActivationFunction"), wide_sums=bias.dtype == np.int64)
    value = g.emit(
        DepthwiseConv2d, [source, weights[0], bias], strides=strides, dilation=dilation, pads=pads,
        zp_x=g.zero_point(x), zp_w=weight_zero_point(g, w), rescale=rescale,
    )  # fmt: skip
    _finish(g, x, value)


def fully_connected(g: Importer, op: FileOp) -> None:
    """Single rounding; whatever the input's shape, rows of as many values as the weights have columns."""
    x, w = op.inputs[:2]
    check_products(g, x, w, op.outputs[0])
    if g.option("WeightsFormat", 0):
        raise g.refuse("format of the weights", found=g.option("WeightsFormat"), wanted="DEFAULT")
    weights = g.constant(w)
    if weights.ndim != 2 or g.tensor(x).elements % max(1, weights.shape[1]):
        raise g.refuse(
            "shape of the weights",
            found=weights.shape,
            wanted=f"two dimensions, rows that divide the input's {g.tensor(x).elements} values",
        )
    channels, depth = weights.shape
    rows = g.tensor(x).elements // depth
    flat = TensorType((rows, depth), g.tensor(x).dtype)
    scales = factors(g, x, weight_scales(g, w, channels, 0), op.outputs[0], len(g.file(w).scales) == 1)
    bias = bias_of(g, op, 2, channels)
    activation = g.option("FusedActivationFunction", 0)
    value = g.value(x) if g.tensor(x) == flat else g.emit(Reshape, [g.value(x)], flat)
    value = g.emit(
        FullyConnected, [value, weights, bias], zp_x=g.zero_point(x), zp_w=g.zero_point(w),
        rescale=g.rescale(scales, op.outputs[0], False, activation),
    )  # fmt: skip
    wanted = g.tensor(op.outputs[0])
    if wanted.shape != (rows, channels) and wanted.elements == rows * channels:
        value = g.emit(Reshape, [value], wanted)
    g.finish(value)


def transpose_conv(g: Importer, op: FileOp) -> None:
    """As one convolution with an output channel for each phase of the stride; see `npuc.ops._transpose_conv`. Double rounding."""
    w, x = op.inputs[1:3]
    y = op.outputs[0]
    check_products(g, x, w, y)
    weights = g.constant(w)
    n, height, width, depth = g.tensor(x).shape
    _, out_h, out_w, channels = g.tensor(y).shape
    if weights.ndim != 4 or weights.shape[0] != channels or weights.shape[3] != depth:
        raise g.refuse("shape of the weights", found=weights.shape, wanted=f"{channels} x KH x KW x {depth}")
    strides = g.option("StrideH"), g.option("StrideW")
    if not 1 <= min(strides) <= max(strides) <= 16:
        raise g.refuse("strides", found=strides, wanted="1..16")
    pads = pads_of(g, (out_h, out_w), weights.shape[1:3], strides)
    rows = PhaseAxis.of(height, out_h, weights.shape[1], strides[0], pads[0])
    columns = PhaseAxis.of(width, out_w, weights.shape[2], strides[1], pads[2])
    zero = weight_zero_point(g, w)
    phases = strides[0] * strides[1]
    scales = factors(g, x, weight_scales(g, w, channels, 0), y, g.file(w).dtype == "ui8")
    bias = bias_of(g, op, 3, channels)
    value = g.emit(
        Conv2d, [g.value(x), phase_weights(weights, rows, columns, zero), np.tile(bias, phases)],
        pads=(rows.before, rows.after, columns.before, columns.after), zp_x=g.zero_point(x), zp_w=zero,
        rescale=g.rescale(scales * phases if len(scales) > 1 else scales, y, True, g.option("FusedActivationFunction", 0), wide_sums=bias.dtype == np.int64),
    )  # fmt: skip
    q_h, q_w, dtype = rows.outputs, columns.outputs, g.tensor(x).dtype
    if phases > 1:
        value = _cut(g, value, (n, q_h, q_w, phases * channels))
        value = g.emit(Reshape, [value], TensorType((n, q_h, q_w, *strides, channels), dtype))
        value = g.emit(Transpose, [value], perm=(0, 1, 3, 2, 4, 5))
        value = g.emit(Reshape, [value], TensorType((n, q_h * strides[0], q_w * strides[1], channels), dtype))
    g.finish(_cut(g, value, (n, out_h, out_w, channels)))


def _cut(g: Importer, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """The first positions of each dimension."""
    if tuple(ir.RankedTensorType(value.type).shape) == shape:
        return value
    return g.emit(Slice, [value], starts=(0,) * len(shape), sizes=shape, strides=(1,) * len(shape))


def batch_matmul(g: Importer, op: FileOp) -> None:
    """Products of matrices; batch dimensions that one operand lacks are 1."""
    a, b = op.inputs
    check_types(g, a, b, op.outputs[0], dtypes=ACTIVATIONS)
    wanted = g.tensor(op.outputs[0])
    rank = max(2, *(len(g.tensor(index).shape) for index in (a, b)))
    values = [_ranked(g, g.value(index), g.tensor(index), rank) for index in (a, b)]
    factor = float(np.float32(g.scale(a)) * np.float32(g.scale(b))) / g.scale(op.outputs[0])
    value = g.emit(
        Matmul, values, transpose_a=bool(g.option("AdjX", False)), transpose_b=bool(g.option("AdjY", False)),
        zp_a=g.zero_point(a), zp_b=g.zero_point(b), rescale=g.rescale([factor], op.outputs[0], True, wide_sums=g.tensor(a).dtype == "i16"),
    )  # fmt: skip
    g.finish(value if tuple(value.type.shape) == wanted.shape else g.emit(Reshape, [value], wanted))


def _ranked(g: Importer, value: ir.Value, tensor: TensorType, rank: int) -> ir.Value:
    if len(tensor.shape) == rank:
        return value
    return g.emit(Reshape, [value], TensorType((1,) * (rank - len(tensor.shape)) + tensor.shape, tensor.dtype))


CONVERTERS = {
    "BATCH_MATMUL": batch_matmul, "CONV_2D": conv2d, "DEPTHWISE_CONV_2D": depthwise_conv2d, "FULLY_CONNECTED": fully_connected,
    "TRANSPOSE_CONV": transpose_conv,
}  # fmt: skip
