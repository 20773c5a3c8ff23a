# SPDX-License-Identifier: Apache-2.0
"""npu.sum at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value(*ACTIVATIONS)
    shape = net.type(x).shape
    axes = net.axes(len(shape))
    return net.op(
        "sum", x, output=TensorType((), "i32" if net.chance(0.2) else "i8"), axes=axes, keepdims=net.chance(0.5), zp_x=net.zero_point(),
        rescale=net.rescale(2 / net.count_of(shape, axes), dtype=net.type(x).dtype),
    )  # fmt: skip
