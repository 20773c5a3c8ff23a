# SPDX-License-Identifier: Apache-2.0
"""npu.max_pool2d at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops._checks import RANGES


def draw(net: Net) -> ir.Value:
    x = net.image("i8", "i8", "i8", "i16")
    _, height, width, _ = net.type(x).shape
    (kh, sh, _, top, bottom), (kw, sw, _, left, right) = net.window(height, dilated=False), net.window(width, dilated=False)
    lo, hi = RANGES[net.type(x).dtype]
    if net.chance(0.3):
        lo, hi = sorted((net.upto(127, -128), net.upto(127, -128)))
    return net.op("max_pool2d", x, kernel=(kh, kw), strides=(sh, sw), pads=(top, bottom, left, right), lo=lo, hi=hi)
