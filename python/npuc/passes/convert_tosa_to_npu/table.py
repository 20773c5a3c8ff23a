# SPDX-License-Identifier: Apache-2.0
"""tosa.table of i8 -> npu.table; of i16, its interpolation on the host."""

import numpy as np
from torch_mlir import ir

from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._match import Tosa, reshaped

OPS = ("tosa.table",)


def convert(at: Tosa) -> ir.Value:
    if at.type().dtype == "i8":
        return at.finish(at.make("table", at.values))
    return at.finish(_interpolated(at))


def _interpolated(at: Tosa) -> ir.Value:
    """table[i] * 128 + (table[i + 1] - table[i]) * f of 513 entries, with x + 32768 = 128 * i + f."""
    shape, count = at.type().shape, at.type().elements
    entries = at.array(1, "table").astype(np.int32)
    wide = at.make("cast", [reshaped(at, at.value(), (count,))], TensorType((), "i32"))
    moved = at.make("integer_binary", [wide, at.constant(np.array([1 << 15], np.int32))], kind="add")
    index = at.make("integer_binary", [moved, at.constant(np.array([7], np.int32))], kind="arithmetic_right_shift")
    fraction = at.make("integer_binary", [moved, at.constant(np.array([127], np.int32))], kind="bitwise_and")
    base = at.make("gather", [at.constant(entries[:-1] << 7), index])
    slope = at.make("gather", [at.constant(np.diff(entries)), index])
    step = at.make("integer_binary", [slope, fraction], kind="mul")
    return reshaped(at, at.make("integer_binary", [base, step], kind="add"), shape)
