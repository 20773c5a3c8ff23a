# SPDX-License-Identifier: Apache-2.0
"""npu.float_op "resize_nearest" -> npu.resize."""

import math

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import TO_NCHW, TO_NHWC, Root, make, quantized, transpose

ROOTS = ("float_op.resize_nearest",)


def convert(root: Root) -> ir.Value | None:
    """PyTorch reads position floor(o * in / out)."""
    x = quantized(root.op.operands[0])
    if x is None or len(x.shape) != 4:
        return None
    scales, borders = [], []
    for extent, wanted in zip(x.shape[2:], root.shape[2:], strict=True):
        common = math.gcd(extent, wanted)
        n, d = wanted // common, extent // common
        scales.append((n, d))
        borders.append((wanted - 1) * d - (extent - 1) * n)
    value = make("resize", [transpose(x.value, TO_NHWC)], scale_y=scales[0], scale_x=scales[1], border=tuple(borders), rounding="floor")
    return root.requantized(x.moved(transpose(value, TO_NCHW)))
