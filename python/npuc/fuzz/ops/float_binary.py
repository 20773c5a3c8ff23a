# SPDX-License-Identifier: Apache-2.0
"""npu.float_binary at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.float_binary import KINDS


def draw(net: Net) -> ir.Value:
    a = net.value("f32")
    return net.op("float_binary", a, net.peer(a), kind=net.pick(*KINDS))
