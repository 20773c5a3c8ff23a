# SPDX-License-Identifier: Apache-2.0
"""npu.mean at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net


def draw(net: Net) -> ir.Value:
    x = net.value(*ACTIVATIONS)
    shape = net.type(x).shape
    axes = net.axes(len(shape))
    return net.op(
        "mean", x, axes=axes, keepdims=net.chance(0.5), zp_x=net.zero_point(), rescale=net.rescale(2 / net.count_of(shape, axes), dtype=net.type(x).dtype)
    )
