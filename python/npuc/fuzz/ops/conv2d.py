# SPDX-License-Identifier: Apache-2.0
"""npu.conv2d at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.fuzz.ops._products import products
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.image(*ACTIVATIONS)
    _, height, width, channels = net.type(x).shape
    groups = net.pick(1, 1, *(count for count in (2, 3, channels) if channels % count == 0))
    depth, out = channels // groups, groups * net.upto(net.pick(4, 24) // groups + 1)
    (kh, sh, dh, top, bottom), (kw, sw, dw, left, right) = net.window(height), net.window(width)
    dtype, sums, factor = products(net, x)
    zp_w = net.pick(0, 0, net.zero_point())
    weights, bias = net.constant(net.weights(TensorType((out, kh, kw, depth), "i8"), zp_w, 0, 3)), net.constant(net.array(TensorType((out,), sums)))
    return net.op(
        "conv2d", x, weights, bias, output=TensorType((), sums if net.chance(0.1) else dtype), strides=(sh, sw), dilation=(dh, dw),
        pads=(top, bottom, left, right), groups=groups, zp_x=net.zero_point(), zp_w=zp_w,
        rescale=net.rescale(factor / (depth * kh * kw) ** 0.5, net.pick(1, out), dtype),
    )  # fmt: skip
