# SPDX-License-Identifier: Apache-2.0
"""npu.mul at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    a = net.value(*ACTIVATIONS)
    b = net.peer(a)
    dtype = net.type(a).dtype
    rescale = net.rescale(0.02 / 256 if dtype == "i16" else 0.02, dtype=dtype)
    return net.op("mul", a, b, output=TensorType((), dtype), zp_a=net.zero_point(), zp_b=net.zero_point(), rescale=rescale)
