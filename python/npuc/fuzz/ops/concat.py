# SPDX-License-Identifier: Apache-2.0
"""npu.concat at random."""

from dataclasses import replace

from torch_mlir import ir

from npuc.fuzz.net import Net


def draw(net: Net) -> ir.Value:
    first = net.value("i8", "i8", "i8", "i16", "i32")
    kind = net.type(first)
    axis = net.pick(len(kind.shape) - 1, net.upto(len(kind.shape) - 1, 0))

    def beside(value: ir.Value) -> bool:
        other = net.type(value)
        others = (*other.shape[:axis], *other.shape[axis + 1 :])
        return other.dtype == kind.dtype and len(other.shape) == len(kind.shape) and others == (*kind.shape[:axis], *kind.shape[axis + 1 :])

    suited = [value for value in net.pool if beside(value)]
    more = [net.pick(*suited) for _ in range(net.upto(3, 0))] if suited else []
    if net.chance(0.3):
        more.append(net.constant(net.array(replace(kind, shape=(*kind.shape[:axis], net.upto(4), *kind.shape[axis + 1 :])))))
    values = [first, *more]
    return net.op("concat", *(values[i] for i in net.rng.permutation(len(values))), axis=axis)
