# SPDX-License-Identifier: Apache-2.0
"""npu.squared_difference at random."""

from dataclasses import replace

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.numerics.scales import quantize_scale

# TFLite's headroom
BITS = 7


def draw(net: Net) -> ir.Value:
    a = net.value("i8")
    return difference(net, a, net.peer(a))


def difference(net: Net, a: ir.Value, b: ir.Value) -> ir.Value:
    """The op on two values."""
    scale_a, scale_b = (float(scale) for scale in net.rng.uniform(0.01, 1, 2))
    common = 2 * max(scale_a, scale_b)
    out = quantize_scale(common * common / ((1 << 2 * BITS) * max(scale_a, scale_b) ** 2 * net.upto(900)))
    rescale = replace(net.rescale(), multiplier=out[:1], shift=out[1:])
    return net.op(
        "squared_difference", a, b, zp_a=net.zero_point(), zp_b=net.zero_point(), scale_a=quantize_scale(scale_a / common),
        scale_b=quantize_scale(scale_b / common), left_shift=BITS, rescale=rescale,
    )  # fmt: skip
