# SPDX-License-Identifier: Apache-2.0
"""npu.select at random."""

from dataclasses import replace

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    a = net.value("i8", "i8", "i32", "i1")
    kind = replace(net.type(a), dtype="i1")
    suited = [value for value in net.pool if net.type(value) == kind]
    condition = net.pick(*suited) if suited else net.op("cast", a, output=kind)
    return net.op("select", condition, a, net.peer(a))
