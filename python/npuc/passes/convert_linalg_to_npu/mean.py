# SPDX-License-Identifier: Apache-2.0
"""npu.float_op "mean", "sum" and "adaptive_avg_pool2d" to 1x1 -> npu.mean."""

import math

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import TO_NHWC, Root, attribute, make, quantized, reshape, transpose

ROOTS = ("float_op.mean", "float_op.sum", "float_op.adaptive_avg_pool2d")


def convert(root: Root) -> ir.Value | None:
    """1 / count is part of the rescale, or left out of it. A mean over H and W of NCHW works on NHWC."""
    x = quantized(root.op.operands[0])
    if x is None:
        return None
    rank = len(x.shape)
    kind = attribute(root.op, "kind")
    if kind in ("mean", "sum"):
        named = attribute(root.op, "params").get("axes") or range(rank)
        axes = tuple(sorted(axis % rank for axis in named))
    elif rank == 4 and root.shape[2:] == (1, 1):
        axes = (2, 3)
    else:
        return None
    count = 1 if kind == "sum" else math.prod(x.shape[axis] for axis in axes)
    value = x.value
    if rank == 4 and axes == (2, 3):
        value, axes = transpose(value, TO_NHWC), (1, 2)
    result = make("mean", [value], axes=axes, keepdims=True, zp_x=x.zp, rescale=root.rescale(x.scale / count))
    # the averaged extents are 1, so the order of dimensions does not matter to the bytes
    return reshape(result, root.shape)
