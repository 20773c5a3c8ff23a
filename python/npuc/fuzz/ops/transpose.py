# SPDX-License-Identifier: Apache-2.0
"""npu.transpose at random."""

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    x = net.value("i8", "i8", "i8", "i16", "i32")
    rank = len(net.type(x).shape)
    layouts = [(0, 2, 3, 1), (0, 3, 1, 2)] if rank == 4 else []
    return net.op("transpose", x, perm=net.pick(*layouts, tuple(int(i) for i in net.rng.permutation(rank))))
