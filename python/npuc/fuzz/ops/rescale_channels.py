# SPDX-License-Identifier: Apache-2.0
"""npu.rescale_channels at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i16", "i32", *(("i64",) if net.has("i64") else ()))
    shape, source, result = net.type(x).shape, net.type(x).dtype, net.pick("i8", "i8", "i16", "i32")
    if not shape:
        raise ValueError("a value without dimensions has no channels")
    largest = {"i8": 2.0, "i16": 0.01, "i32": 0.03, "i64": 0.001}[source] * {"i8": 1, "i16": 100, "i32": 1000}[result]
    return net.op("rescale_channels", x, output=TensorType((), result), zp_x=net.zero_point(), rescale=net.rescale(largest, shape[-1], result))
