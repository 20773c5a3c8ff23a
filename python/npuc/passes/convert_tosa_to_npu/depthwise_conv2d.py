# SPDX-License-Identifier: Apache-2.0
"""tosa.depthwise_conv2d -> npu.depthwise_conv2d with its accumulators; conv2d.py joins it with its rescale."""

from torch_mlir import ir

from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._conv import WEIGHTS, convolution, padded, reaches
from npuc.passes.convert_tosa_to_npu._match import Tosa, reshaped

OPS = ("tosa.depthwise_conv2d",)


def convert(at: Tosa) -> ir.Value:
    """H W C M weights as H W (C * M)."""
    height, width, channels, multiplier = at.type(WEIGHTS).shape
    found = convolution(at, channels * multiplier)
    dilation = at.integers("dilation")
    x, pads = padded(at, found, reaches((height, width), dilation), at.integers("pad"))
    weights = reshaped(at, found.weights, (height, width, channels * multiplier))
    value = at.make(
        "depthwise_conv2d", [x, weights, found.bias], TensorType((), at.result.dtype), strides=at.integers("stride"), dilation=dilation, pads=pads,
        zp_x=found.zp_x, zp_w=found.zp_w,
    )  # fmt: skip
    return at.finish(value)
