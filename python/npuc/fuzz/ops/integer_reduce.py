# SPDX-License-Identifier: Apache-2.0
"""npu.integer_reduce at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.integer_reduce import KINDS


def draw(net: Net) -> ir.Value:
    kind = net.pick(*KINDS)
    x = net.value(*(("i1",) if kind in ("all", "any") else ("i32",) if kind == "sum" else ("i8", "i16", "i32")))
    return net.op("integer_reduce", x, kind=kind, axis=net.upto(len(net.type(x).shape) - 1, 0))
