# SPDX-License-Identifier: Apache-2.0
"""Element types and size of a product of activations and weights at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def products(net: Net, x: ir.Value) -> tuple[str, str, float]:
    """(result, sums, real factor of the rescale for a product of one term) of a convolution of x with i8 weights."""
    wide_in, wide_out = net.type(x).dtype == "i16", net.chance(0.9 if net.type(x).dtype == "i16" else 0.05)
    factor = 0.01 * (1 / 256 if wide_in else 1) * (256 if wide_out else 1)
    return "i16" if wide_out else "i8", net.pick("i32", "i64") if wide_in else "i32", factor
