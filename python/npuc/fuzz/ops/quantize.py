# SPDX-License-Identifier: Apache-2.0
"""npu.quantize at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops._checks import RANGES
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    dtype = net.pick("i8", "i8", "i8", "ui8", "i16")
    low, high = RANGES[dtype]
    lo, hi = sorted((net.upto(high, low), net.upto(high, low))) if net.chance(0.2) else (low, high)
    return net.op(
        "quantize", net.value("f32"), output=TensorType((), dtype), scale=float(net.rng.uniform(0.01, 1)), zp=net.upto(min(high, 127), max(low, -128)),
        lo=lo, hi=hi, division=net.division,
    )  # fmt: skip
