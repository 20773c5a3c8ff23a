# SPDX-License-Identifier: Apache-2.0
"""tosa.conv3d -> npu.conv3d."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._conv import WEIGHTS, convolution
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.conv3d",)


def convert(at: Tosa) -> ir.Value:
    found = convolution(at, at.type(WEIGHTS).shape[0])
    value = at.make(
        "conv3d", [found.x, found.weights, found.bias], strides=at.integers("stride"), dilation=at.integers("dilation"), pads=at.integers("pad"),
        zp_x=found.zp_x, zp_w=found.zp_w,
    )  # fmt: skip
    return at.finish(value)
