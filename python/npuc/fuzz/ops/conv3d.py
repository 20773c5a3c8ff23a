# SPDX-License-Identifier: Apache-2.0
"""npu.conv3d at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value("i8", rank=5)
    *extents, channels = net.type(x).shape[1:]
    kernel, strides, dilation, before, after = zip(*(net.window(extent, 2) for extent in extents), strict=True)
    out = net.upto(4)
    weights = net.constant(net.array(TensorType((out, *kernel, channels), "i8")))
    bias = net.constant(net.array(TensorType((out,), "i32")))
    return net.op(
        "conv3d", x, weights, bias, strides=strides, dilation=dilation, pads=tuple(pad for pair in zip(before, after, strict=True) for pad in pair),
        zp_x=net.zero_point(), zp_w=net.zero_point(),
    )  # fmt: skip
