# SPDX-License-Identifier: Apache-2.0
"""linalg.pooling_nchw_max, and npu.float_op "amax" over height and width -> npu.max_pool2d."""

from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._conv import pair
from npuc.passes.convert_linalg_to_npu._match import (
    TO_NCHW,
    TO_NHWC,
    Quantized,
    Root,
    attribute,
    make,
    padding,
    quantized,
    reshape,
    transpose,
)

ROOTS = ("linalg.pooling_nchw_max", "float_op.amax")
# what torch-mlir pads with: minus infinity, or the least f32
_LEAST = -3.4e38


def convert(root: Root) -> ir.Value | None:
    """Padding with the least value is the op's own padding, which it ignores."""
    if root.op.name == "npu.float_op":
        return _whole(root)
    if pair(root.op, "dilations") != (1, 1):
        return None
    source, pads = root.op.operands[0], (0, 0, 0, 0)
    op = defining(source, "tensor.pad")
    found = padding(op) if op is not None else None
    if op is not None and found is not None and found[2] <= _LEAST:
        source, pads = op.operands[0], (found[0][2], found[1][2], found[0][3], found[1][3])
    x = quantized(source)
    kernel = tensor_type(root.op.operands[1].type).shape
    return None if x is None else _pool(root, x, (kernel[0], kernel[1]), pair(root.op, "strides"), pads)


def _whole(root: Root) -> ir.Value | None:
    """The greatest value of each channel: one window over everything."""
    x = quantized(root.op.operands[0])
    axes = attribute(root.op, "params").get("axes", ())
    if x is None or len(x.shape) != 4 or sorted(axis % 4 for axis in axes) != [2, 3]:
        return None
    kernel = (x.shape[2], x.shape[3])
    return reshape(_pool(root, x, kernel, kernel, (0, 0, 0, 0)), root.shape)


def _pool(root: Root, x: Quantized, kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int, int, int]) -> ir.Value:
    params = {"kernel": kernel, "strides": strides, "pads": pads}
    if (x.scale, x.zp) == (root.scale, root.zp):
        params |= {"lo": root.lo, "hi": root.hi}
        return transpose(make("max_pool2d", [transpose(x.value, TO_NHWC)], **params), TO_NCHW)
    return root.requantized(x.moved(transpose(make("max_pool2d", [transpose(x.value, TO_NHWC)], **params), TO_NCHW)))
