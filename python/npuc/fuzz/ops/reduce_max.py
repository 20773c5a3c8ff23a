# SPDX-License-Identifier: Apache-2.0
"""npu.reduce_max at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i16")
    return net.op("reduce_max", x, axes=net.axes(len(net.type(x).shape)), keepdims=net.chance(0.5))
