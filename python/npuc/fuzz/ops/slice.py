# SPDX-License-Identifier: Apache-2.0
"""npu.slice at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i8", "i16", "i32")
    starts, sizes, strides = [], [], []
    for extent in net.type(x).shape:
        start, stride = (net.upto(extent - 1, 0), net.pick(1, 1, 2, 3)) if net.chance(0.5) else (0, 1)
        most = -(-(extent - start) // stride)
        starts.append(start)
        strides.append(stride)
        sizes.append(net.pick(most, net.upto(most)))
    return net.op("slice", x, starts=tuple(starts), sizes=tuple(sizes), strides=tuple(strides))
