# SPDX-License-Identifier: Apache-2.0
"""npu.matmul at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.ops.base import TensorType


def draw(net: Net) -> ir.Value:
    a = net.value(*ACTIVATIONS, rank=net.pick(2, 3, 3, 4))
    dtype = net.type(a).dtype
    sums, factor = ("i64", 0.01 / 256) if dtype == "i16" else ("i32", 0.01)
    *batch, rows, depth = net.type(a).shape
    flip_a = net.chance(0.3)
    depth = rows if flip_a else depth
    suited = [
        (value, flip)
        for value in net.pool
        for flip in (False, True)
        if net.type(value).dtype == dtype and net.type(value).shape[:-2] == tuple(batch) and len(net.type(value).shape) == len(batch) + 2
        and net.type(value).shape[-1 if flip else -2] == depth
    ]  # fmt: skip
    if suited and net.chance(0.8):
        b, flip_b = net.pick(*suited)
    else:
        flip_b, columns = net.chance(0.5), net.upto(12)
        shape = (*(net.pick(1, extent) for extent in batch), *((columns, depth) if flip_b else (depth, columns)))
        b = net.constant(net.array(TensorType(shape, dtype))) if net.chance(0.3) else net.argument(TensorType(shape, dtype))
    return net.op(
        "matmul", a, b, output=TensorType((), sums if net.chance(0.1) else dtype), transpose_a=flip_a, transpose_b=flip_b,
        zp_a=net.zero_point(), zp_b=net.pick(0, net.zero_point()), rescale=net.rescale(factor / depth**0.5, dtype=dtype),
    )  # fmt: skip
