# SPDX-License-Identifier: Apache-2.0
"""npu.clamp at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    lo, hi = sorted((net.upto(127, -128), net.upto(127, -128)))
    return net.op("clamp", net.value("i8"), lo=lo, hi=net.pick(hi, 127))
