# SPDX-License-Identifier: Apache-2.0
"""npu.resize_float at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.image()
    aligned, centred = net.pick((False, False), (True, False), (False, True))
    return net.op("resize_float", x, size=(net.upto(10), net.upto(10)), align_corners=aligned, half_pixel_centers=centred)
