# SPDX-License-Identifier: Apache-2.0
"""npu.float_reduce at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.float_reduce import KINDS


def draw(net: Net) -> ir.Value:
    x = net.value("f32")
    return net.op("float_reduce", x, kind=net.pick(*KINDS), axes=net.axes(len(net.type(x).shape)))
