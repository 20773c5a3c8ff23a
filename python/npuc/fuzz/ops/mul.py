# SPDX-License-Identifier: Apache-2.0
"""npu.mul at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    a = net.value("i8")
    b = net.peer(a)
    return net.op("mul", a, b, zp_a=net.zero_point(), zp_b=net.zero_point(), rescale=net.rescale(0.02))
