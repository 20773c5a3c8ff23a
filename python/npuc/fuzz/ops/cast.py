# SPDX-License-Identifier: Apache-2.0
"""npu.cast at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value("i1", "i8", "i16", "i32", *(("i64",) if net.has("i64") else ()))
    return net.op("cast", x, output=TensorType((), net.pick("i1", "i8", "i16", "i32", "i64")))
