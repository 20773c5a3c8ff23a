# SPDX-License-Identifier: Apache-2.0
"""npu.minimum at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    a = net.value("i8", "i8", "i16", "i32")
    return net.op("minimum", a, net.peer(a))
