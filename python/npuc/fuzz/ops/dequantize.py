# SPDX-License-Identifier: Apache-2.0
"""npu.dequantize at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops._checks import RANGES


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "ui8", "i16", "i32")
    low, high = RANGES[net.type(x).dtype]
    return net.op("dequantize", x, scale=float(net.rng.uniform(0.01, 1)), zp=net.upto(min(high, 127), max(low, -128)))
