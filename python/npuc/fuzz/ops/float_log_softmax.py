# SPDX-License-Identifier: Apache-2.0
"""npu.float_log_softmax at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("f32")
    return net.op("float_log_softmax", x, axis=net.upto(len(net.type(x).shape) - 1, 0))
