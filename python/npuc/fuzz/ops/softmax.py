# SPDX-License-Identifier: Apache-2.0
"""npu.softmax at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net


def draw(net: Net) -> ir.Value:
    return net.op("softmax", net.value(*ACTIVATIONS), scale=float(net.rng.uniform(0.005, 1.0)))
