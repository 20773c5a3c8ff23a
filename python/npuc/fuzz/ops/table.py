# SPDX-License-Identifier: Apache-2.0
"""npu.table at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    return net.op("table", net.value("i8"), net.constant(net.array(TensorType((256,), "i8"))))
