# SPDX-License-Identifier: Apache-2.0
"""npu.sub at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.fuzz.ops._sum import sum_params


def draw(net: Net) -> ir.Value:
    a = net.value("i8")
    b = net.peer(a)
    scale_a, scale_b, scale_out = (float(scale) for scale in net.rng.uniform(0.01, 1, 3))
    return net.op("sub", a, b, **sum_params(net, scale_a, scale_b, scale_out))
