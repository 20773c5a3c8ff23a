# SPDX-License-Identifier: Apache-2.0
"""npu.table at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    # a table of 16 bits is a large constant
    dtype = "i16" if net.chance(0.05) else "i8"
    return net.op("table", net.value(dtype), net.constant(net.array(TensorType((256 if dtype == "i8" else 1 << 16,), dtype))))
