# SPDX-License-Identifier: Apache-2.0
"""npu.reverse at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i32", "i1", "f32")
    return net.op("reverse", x, axis=net.upto(len(net.type(x).shape) - 1, 0))
