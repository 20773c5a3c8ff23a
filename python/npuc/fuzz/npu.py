# SPDX-License-Identifier: Apache-2.0
"""Random networks of npu ops: chains, branches, residuals, concats, odd shapes, and ops of the host in their midst."""

import numpy as np
from torch_mlir import ir

from npuc.fuzz.baits import BAITS
from npuc.fuzz.net import Net
from npuc.fuzz.ops import draws
from npuc.ops import all_ops
from npuc.ops.base import TensorType

# ops of npuc.ops in one network
LEAST_OPS, MOST_OPS = 4, 18
# How often a group of ops is written instead of one.
_BAIT = 0.4
# How many of a network's single ops are the host's: most networks have few.
_HOST_SHARES = (0.0, 0.1, 0.1, 0.25, 0.6)
# Ops that networks consist of are drawn more often.
_WEIGHTS = {"conv2d": 4, "depthwise_conv2d": 3, "add": 3, "concat": 2, "max_pool2d": 2, "avg_pool2d": 2}
_ATTEMPTS = 400


def random_network(rng: np.random.Generator) -> ir.Module:
    """A module with one function `main`; the context is entered."""
    net = Net(rng)
    height, width = net.upto(net.pick(9, 9, 9, 20)), net.upto(net.pick(9, 9, 16))
    net.argument(TensorType((net.pick(1, 1, 1, 2), height, width, net.pick(3, 4, 8, 16, net.upto(24))), "i8"))
    if net.chance(0.3):
        net.argument(TensorType(net.extents(net.upto(5)), net.pick("i8", "i8", "f32", "ui8", "i16", "i32", "i1")))
    wanted, host = net.upto(MOST_OPS, LEAST_OPS), net.pick(*_HOST_SHARES)
    npu_ops = [name for name in draws() if not all_ops()[name].host_only for _ in range(_WEIGHTS.get(name, 1))]
    host_ops = [name for name in draws() if all_ops()[name].host_only]
    for _ in range(_ATTEMPTS):
        if net.count - net.folded >= wanted:
            break
        write = net.pick(*BAITS) if net.chance(_BAIT) else draws()[net.pick(*(host_ops if net.chance(host) else npu_ops))]
        try:
            write(net)
        except ValueError:
            # what was drawn does not go together
            continue
        finally:
            net.forget()
    return net.returns()
