# SPDX-License-Identifier: Apache-2.0
"""npu.argmax at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "ui8", "i16", "i32", "f32")
    rank = len(net.type(x).shape)
    return net.op("argmax", x, output=TensorType((), net.pick("i32", "i64")), axis=net.upto(rank - 1, 0), keepdims=net.chance(0.5))
