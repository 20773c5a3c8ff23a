# SPDX-License-Identifier: Apache-2.0
"""npu.integer_binary at random."""

import numpy as np
from torch_mlir import ir

from npuc.fuzz.net import Net
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.ops.integer_binary import KINDS


def draw(net: Net) -> ir.Value:
    kind = net.pick(*KINDS)
    logic = kind.startswith("logical_") and not kind.endswith("shift")
    wide = ("i64",) if kind in ("add", "sub", "mul") and net.has("i64") else ()
    a = net.value(*(("i1",) if logic else ("i32",) if kind == "intdiv" else ("i8", "i16", "i32", *wide)))
    shape, dtype = net.type(a).shape, net.type(a).dtype
    shift = net.upto(63, 0) if kind == "mul" and dtype == "i32" else 0
    if kind.endswith("shift"):
        bits = 8 * np.dtype(NUMPY_DTYPES[dtype]).itemsize
        b = net.constant(net.rng.integers(0, bits, [net.pick(1, extent) for extent in shape]).astype(NUMPY_DTYPES[dtype]))
    elif kind == "intdiv":
        values = net.array(TensorType(shape, dtype))
        b = net.constant(np.where(values == 0, 1, values).astype(values.dtype))
    else:
        b = net.peer(a)
    return net.op("integer_binary", a, b, kind=kind, shift=shift)
