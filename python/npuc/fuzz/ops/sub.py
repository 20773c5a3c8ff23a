# SPDX-License-Identifier: Apache-2.0
"""npu.sub at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.fuzz.ops._sum import sum_params
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    a = net.value(*ACTIVATIONS)
    b = net.peer(a)
    scale_a, scale_b, scale_out = (float(scale) for scale in net.rng.uniform(0.01, 1, 3))
    dtype = net.type(a).dtype
    return net.op("sub", a, b, output=TensorType((), dtype), **sum_params(net, dtype, scale_a, scale_b, scale_out))
