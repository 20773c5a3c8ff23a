# SPDX-License-Identifier: Apache-2.0
"""npu.gather at random."""

import numpy as np
from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i32", "f32")
    shape = net.type(x).shape
    axis = net.upto(len(shape) - 1, 0)
    batch = net.upto(axis, 0) if net.chance(0.3) else 0
    numbers = net.rng.integers(0, shape[axis], (*shape[:batch], *net.extents(net.upto(2, 0), 4)))
    return net.op("gather", x, net.constant(numbers.astype(np.int32)), axis=axis, batch_dims=batch)
