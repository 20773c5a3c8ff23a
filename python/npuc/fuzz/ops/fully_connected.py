# SPDX-License-Identifier: Apache-2.0
"""npu.fully_connected at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.fuzz.ops._products import products
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value(*ACTIVATIONS, rank=2)
    depth, out = net.type(x).shape[1], net.upto(net.pick(4, 40))
    dtype, sums, factor = products(net, x)
    zp_w = net.pick(0, 0, net.zero_point())
    weights, bias = net.constant(net.weights(TensorType((out, depth), "i8"), zp_w, 0, 1)), net.constant(net.array(TensorType((out,), sums)))
    return net.op(
        "fully_connected", x, weights, bias, output=TensorType((), sums if net.chance(0.1) else dtype), zp_x=net.zero_point(),
        zp_w=zp_w, rescale=net.rescale(factor / depth**0.5, net.pick(1, out), dtype),
    )  # fmt: skip
