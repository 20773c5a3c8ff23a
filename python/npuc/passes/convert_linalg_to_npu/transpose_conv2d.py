# SPDX-License-Identifier: Apache-2.0
"""A linalg convolution of stride 1 over an input that was spread -> npu.conv2d by phases of the spread, interleaved.

torch-mlir lowers a transposed convolution so: the kernel turned around, the input's rows and columns set into a tensor of zeros, stride
apart. What is turned around here once more is PyTorch's own kernel; see `npuc.ops._transpose_conv` for the phases.
"""

from dataclasses import dataclass

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.ops._transpose_conv import PhaseAxis, phase_weights
from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._conv import Window, initial_bias, padded, pair, window
from npuc.passes.convert_linalg_to_npu._match import (
    TO_NCHW,
    Quantized,
    Root,
    Weights,
    array,
    attribute,
    bias_codes,
    constant,
    make,
    quantized,
    reshape,
    transpose,
)
from npuc.passes.convert_linalg_to_npu.conv2d import GROUPED

ROOTS = ("linalg.conv_2d_nchw_fchw", "tensor.collapse_shape")

# N, H, W, group, phase of H, phase of W, channel of the group -> N, H, phase of H, W, phase of W, group, channel of the group
_INTERLEAVED = (0, 1, 4, 2, 5, 3, 6)


@dataclass(frozen=True)
class Spread:
    """A quantized NCHW input among zeros, next to each other where the strides are 1.

    Attributes:
        first: row and column of its first position, negative where it is cut off.
        strides: rows and columns between its positions.
        image: rows and columns of the whole.
    """

    x: Quantized
    first: tuple[int, int]
    strides: tuple[int, int]
    image: tuple[int, int]


def convert(root: Root) -> ir.Value | None:
    """O I H W weights, group by group."""
    grouped = root.op.name == "tensor.collapse_shape"
    op = defining(root.op.operands[0], GROUPED) if grouped else root.op
    if op is None or pair(op, "strides") != (1, 1):
        return None
    expanded = defining(op.operands[0], "tensor.expand_shape") if grouped else None
    found = _spread(expanded.operands[0] if expanded is not None else op.operands[0])
    kernel, bias = _kernel(op.operands[1]), initial_bias(op)
    if found is None or kernel is None or bias is None:
        return None
    n, depth, height, width = found.x.shape
    codes = _dilated(kernel.codes.transpose(0, 2, 3, 1), pair(op, "dilations"), kernel.zp)[:, ::-1, ::-1]
    out_h, out_w = (whole - taps + 1 for whole, taps in zip(found.image, codes.shape[1:3], strict=True))
    pads = tuple(taps - 1 - first for taps, first in zip(codes.shape[1:3], found.first, strict=True))
    rows = PhaseAxis.of(height, out_h, codes.shape[1], found.strides[0], pads[0])
    columns = PhaseAxis.of(width, out_w, codes.shape[2], found.strides[1], pads[1])
    groups, phases = depth // codes.shape[3], found.strides[0] * found.strides[1]
    # channels by group, phase, channel of the group
    parts = [phase_weights(part, rows, columns, kernel.zp) for part in np.split(codes, groups)]
    step = found.x.scale * kernel.scales
    order = np.arange(len(codes)).reshape(groups, 1, -1).repeat(phases, 1).reshape(-1)
    x, inner = padded(Window(found.x, (rows.before, rows.after, columns.before, columns.after)), (rows.kernel, columns.kernel))
    operands = [x, array(np.concatenate(parts)), array(bias_codes(bias, step)[order])]
    value = make("conv2d", operands, pads=inner, zp_x=found.x.zp, zp_w=kernel.zp, groups=groups, rescale=root.rescale(step[order]))
    value = _first(value, (n, rows.outputs, columns.outputs, len(order)))
    if phases > 1:
        value = reshape(value, (n, rows.outputs, columns.outputs, groups, *found.strides, len(codes) // groups))
        value = reshape(transpose(value, _INTERLEAVED), (n, rows.outputs * found.strides[0], columns.outputs * found.strides[1], len(codes)))
    return reshape(transpose(_first(value, (n, out_h, out_w, len(codes))), TO_NCHW), root.shape)


def _spread(value: ir.Value) -> Spread | None:
    """The tensor.insert_slice into zeros behind the input of a convolution, and what is cut off it; with strides of 1 at most a tensor.pad."""
    image, cut = tensor_type(value.type).shape[2:], (0, 0, 0, 0)
    part = defining(value, "tensor.extract_slice")
    if part is not None:
        cut = tuple(part.attributes["static_offsets"])
        if len(part.operands) != 1 or len(cut) != 4 or cut[:2] != (0, 0) or set(part.attributes["static_strides"]) != {1}:
            return None
        value = part.operands[0]
    op = defining(value, "tensor.insert_slice")
    if op is None:
        near = window(value)
        return None if near is None else Spread(near.x, (near.pads[0] - cut[2], near.pads[2] - cut[3]), (1, 1), image)
    if len(op.operands) != 2:
        return None
    x, around = quantized(op.operands[0]), constant(op.operands[1])
    first, strides = (tuple(op.attributes[f"static_{name}"]) for name in ("offsets", "strides"))
    if x is None or around is None or around.any() or len(first) != 4 or first[:2] != (0, 0) or strides[:2] != (1, 1):
        return None
    return Spread(x, (first[2] - cut[2], first[3] - cut[3]), strides[2:], image)


def _kernel(value: ir.Value) -> Weights | None:
    """[O, I, H, W] of a linalg.generic that reads constant weights at positions of its own, as turning a kernel around does."""
    op = defining(value, "linalg.generic")
    if op is None or len(op.operands) != 1:
        return None
    shape = tensor_type(value.type).shape
    found: dict[ir.Value, np.ndarray] = {}
    source: ir.Value | None = None
    def known(values: list[ir.Value]) -> list[np.ndarray] | None:
        arrays = [found.get(value, constant(value)) for value in values]
        return None if any(array is None for array in arrays) else arrays

    for item in (view.operation for view in op.regions[0].blocks[0].operations):
        positions = known(list(item.operands)[item.name == "tensor.extract" :]) if item.name in ("arith.subi", "tensor.extract") else []
        if positions is None:
            return None
        if item.name == "linalg.index":
            loop = ir.IntegerAttr(item.attributes["dim"]).value
            found[item.results[0]] = np.arange(shape[loop]).reshape([extent if axis == loop else 1 for axis, extent in enumerate(shape)])
        elif item.name == "arith.subi":
            found[item.results[0]] = positions[0] - positions[1]
        elif item.name == "tensor.extract" and source is None:
            source, at = item.operands[0], tuple(positions)
        elif item.name != "linalg.yield":
            return None
    parts = _codes(source) if source is not None else None
    if parts is None:
        return None
    codes, scales, zp = (np.broadcast_to(part.reshape(tensor_type(source.type).shape)[at], shape) for part in parts)
    rest = shape[-3:]
    codes, scales, zp = (part.reshape(-1, *rest) for part in (codes, scales, zp))
    steps = scales[:, 0, 0, 0]
    if (scales != steps[:, None, None, None]).any() or (zp != zp.flat[0]).any():
        return None
    return Weights(codes, steps, int(zp.flat[0]))


def _codes(value: ir.Value) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Codes, scales and zero points of constant weights, one an element."""
    op = defining(value)
    while op is not None and op.name == "tensor.expand_shape":
        op = defining(op.operands[0])
    if op is None or op.name not in ("npu.dequantize_channels", "npu.dequantize"):
        return None
    codes = constant(op.operands[0])
    if codes is None:
        return None
    if op.name == "npu.dequantize":
        scales, zps, axis = [attribute(op, "scale")], [attribute(op, "zp")], 0
    else:
        scales, zps, axis = attribute(op, "scales"), attribute(op, "zps"), attribute(op, "axis")
    shape = [-1 if i == axis else 1 for i in range(codes.ndim)]
    return codes, *(np.broadcast_to(np.reshape(part, shape), codes.shape) for part in (np.asarray(scales, np.float64), np.asarray(zps)))


def _dilated(weights: np.ndarray, dilation: tuple[int, int], zero_point: int) -> np.ndarray:
    """[O, H, W, I] with dilation - 1 rows and columns of the zero point between its own."""
    if dilation == (1, 1):
        return weights
    out, height, width, depth = weights.shape
    spread = np.full((out, (height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1, depth), zero_point, weights.dtype)
    spread[:, :: dilation[0], :: dilation[1]] = weights
    return spread


def _first(value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """The first positions of each dimension; itself where that is all."""
    if tensor_type(value.type).shape == shape:
        return value
    return make("slice", [value], starts=(0,) * len(shape), sizes=shape, strides=(1,) * len(shape))
