# SPDX-License-Identifier: Apache-2.0
"""npu.scatter at random."""

import numpy as np
from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i32", rank=3)
    n, rows, channels = net.type(x).shape
    count = net.upto(rows)
    numbers = np.stack([net.rng.permutation(rows)[:count] for _ in range(n)]).astype(np.int32)
    updates = TensorType((n, count, channels), net.type(x).dtype)
    values = net.constant(net.array(updates)) if net.chance(0.5) else net.argument(updates)
    return net.op("scatter", x, net.constant(numbers), values)
