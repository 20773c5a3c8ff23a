# SPDX-License-Identifier: Apache-2.0
"""npu.cast at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    return net.op("cast", net.value("i1", "i8", "i16", "i32"), output=TensorType((), net.pick("i1", "i8", "i16", "i32")))
