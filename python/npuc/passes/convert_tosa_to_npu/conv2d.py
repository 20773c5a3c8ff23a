# SPDX-License-Identifier: Apache-2.0
"""tosa.conv2d -> npu.conv2d with its accumulators; a rescale that alone reads them becomes the convolution's own."""

from torch_mlir import ir, rewrite

from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._conv import WEIGHTS, convolution, padded, reaches, take_rescale
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.conv2d",)


def convert(at: Tosa) -> ir.Value:
    """O H W I weights as they are."""
    weights = at.type(WEIGHTS)
    found = convolution(at, weights.shape[0])
    dilation = at.integers("dilation")
    x, pads = padded(at, found, reaches(weights.shape[1:3], dilation), at.integers("pad"))
    value = at.make(
        "conv2d", [x, found.weights, found.bias], TensorType((), at.result.dtype), strides=at.integers("stride"), dilation=dilation, pads=pads,
        zp_x=found.zp_x, zp_w=found.zp_w,
    )  # fmt: skip
    return at.finish(value)


def _fuse(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    return take_rescale(view, rewriter, "npu.conv2d", "npu.depthwise_conv2d", "npu.matmul")


FUSIONS = (("npu.rescale", _fuse), ("npu.rescale_channels", _fuse))
