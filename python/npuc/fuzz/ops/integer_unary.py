# SPDX-License-Identifier: Apache-2.0
"""npu.integer_unary at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.integer_unary import KINDS


def draw(net: Net) -> ir.Value:
    kind = net.pick(*KINDS)
    return net.op("integer_unary", net.value(*KINDS[kind]), kind=kind)
