# SPDX-License-Identifier: Apache-2.0
"""npu.fully_connected at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value("i8", rank=2)
    depth, out = net.type(x).shape[1], net.upto(net.pick(4, 40))
    weights, bias = net.constant(net.array(TensorType((out, depth), "i8"))), net.constant(net.array(TensorType((out,), "i32")))
    return net.op(
        "fully_connected", x, weights, bias, output=TensorType((), "i32" if net.chance(0.1) else "i8"), zp_x=net.zero_point(),
        zp_w=net.pick(0, 0, net.zero_point()), rescale=net.rescale(0.3 / depth**0.5 / 30, net.pick(1, out)),
    )  # fmt: skip
