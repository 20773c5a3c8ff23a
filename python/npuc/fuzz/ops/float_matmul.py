# SPDX-License-Identifier: Apache-2.0
"""npu.float_matmul at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    a = net.value("f32", rank=net.pick(2, 3))
    *batch, _, depth = net.type(a).shape
    flip, columns = net.chance(0.5), net.upto(6)
    shape = (*batch, columns, depth) if flip else (*batch, depth, columns)
    b = net.constant(net.array(TensorType(shape, "f32"))) if net.chance(0.5) else net.argument(TensorType(shape, "f32"))
    return net.op("float_matmul", a, b, transpose_b=flip)
