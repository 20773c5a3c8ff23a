# SPDX-License-Identifier: Apache-2.0
"""npu.pad at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i8", "i16")
    rank = len(net.type(x).shape)
    pads = tuple(net.upto(3, 0) if net.chance(0.4) else 0 for _ in range(2 * rank))
    return net.op("pad", x, pads=pads, value=net.zero_point())
