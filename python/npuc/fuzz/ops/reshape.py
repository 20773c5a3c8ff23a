# SPDX-License-Identifier: Apache-2.0
"""npu.reshape at random."""

from dataclasses import replace

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i8", "i16", "i32", "f32", "i1")
    kind = net.type(x)
    return net.op("reshape", x, output=replace(kind, shape=net.factored(kind.elements, net.upto(5))))
