# SPDX-License-Identifier: Apache-2.0
"""npu.float_unary at random."""

import numpy as np
from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.numerics.functions import FUNCTIONS


def draw(net: Net) -> ir.Value:
    kind = net.pick(*FUNCTIONS)
    arguments = tuple(float(value) for value in np.sort(net.rng.uniform(0.1, 1, len(FUNCTIONS[kind].params))))
    return net.op("float_unary", net.value("f32"), kind=kind, arguments=arguments)
