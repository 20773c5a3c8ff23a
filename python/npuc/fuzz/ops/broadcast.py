# SPDX-License-Identifier: Apache-2.0
"""npu.broadcast at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i16", "i32")
    kind = net.type(x)
    shape = tuple(net.pick(1, 1, extent) for extent in kind.shape)
    first = net.op("slice", x, starts=(0,) * len(shape), sizes=shape, strides=(1,) * len(shape))
    return net.op("broadcast", first, output=kind)
