# SPDX-License-Identifier: Apache-2.0
"""npu.clamp at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.ops._checks import RANGES


def draw(net: Net) -> ir.Value:
    x = net.value(*ACTIVATIONS)
    low, high = RANGES[net.type(x).dtype]
    lo, hi = sorted((net.upto(high, low), net.upto(high, low)))
    return net.op("clamp", x, lo=lo, hi=net.pick(hi, high))
