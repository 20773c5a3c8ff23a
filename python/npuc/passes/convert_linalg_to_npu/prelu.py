# SPDX-License-Identifier: Apache-2.0
"""npu.float_op "prelu", a slope a channel -> npu.clamp of either side, a 1x1 npu.depthwise_conv2d of the negative one, npu.add."""

import math

import numpy as np
from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import (
    TO_NCHW,
    TO_NHWC,
    Quantized,
    Root,
    array,
    attribute,
    make,
    quantized,
    reshape,
    transpose,
)
from npuc.passes.convert_linalg_to_npu._sum import add_codes

ROOTS = ("float_op.prelu",)


def convert(root: Root) -> ir.Value | None:
    """One of the two sides is 0 everywhere, so each element is rounded once. A slope is part of its channel's rescale.

    Channels are the second dimension; what comes behind them becomes rows and columns.
    """
    x = quantized(root.op.operands[0])
    if x is None or len(x.shape) < 2:
        return None
    n, channels, *extents = x.shape
    slopes = np.array(attribute(root.op, "params")["slopes"], np.float64)
    value = transpose(reshape(x.value, (n, channels, math.prod(extents[:-1]), math.prod(extents[-1:]))), TO_NHWC)
    whole = Root(root.op, root.scale, root.zp, -128, 127)
    positive = make("clamp", [value], lo=x.zp, hi=127)
    negative = make("clamp", [value], lo=-128, hi=x.zp)
    positive = make("rescale", [positive], zp_x=x.zp, rescale=whole.rescale(x.scale))
    signs = np.sign(slopes).astype(np.int8)
    steps = x.scale * np.where(slopes == 0, 1, np.abs(slopes))
    operands = [negative, array(signs.reshape(1, 1, -1)), array(np.zeros(len(slopes), np.int32))]
    negative = make(
        "depthwise_conv2d", operands, strides=(1, 1), dilation=(1, 1), pads=(0, 0, 0, 0), zp_x=x.zp, zp_w=0, rescale=whole.rescale(steps)
    )
    sides = (Quantized(side, root.scale, root.zp) for side in (positive, negative))
    return reshape(transpose(add_codes("add", root, *sides), TO_NCHW), root.shape)
