# SPDX-License-Identifier: Apache-2.0
"""tosa.resize -> npu.resize; bilinear, the sum of four nearest ones with their weights, in i32 or, of i16, in the i64 of 48 bits."""

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.resize",)


def convert(at: Tosa) -> ir.Value:
    n_y, d_y, n_x, d_x = at.shape(1, "scale")
    (o_y, o_x), (b_y, b_x) = at.shape(2, "offset"), at.shape(3, "border")
    params = {"scale_y": (n_y, d_y), "scale_x": (n_x, d_x)}
    mode = at.word("mode")
    if mode == "NEAREST_NEIGHBOR":
        return at.finish(at.make("resize", [at.value()], offset=(o_y, o_x), border=(b_y, b_x), rounding="half", **params))
    if mode != "BILINEAR":
        raise at.refuse("resize is nearest or bilinear", mode, "NEAREST_NEIGHBOR or BILINEAR")
    total, wide = None, "i64" if at.type().dtype == "i16" else "i32"
    for below in (0, 1):
        for right in (0, 1):
            # the row or column that follows, for an offset of one whole step; beyond the image the last one
            offset, border = (o_y + below * n_y, o_x + right * n_x), (b_y + below * n_y, b_x + right * n_x)
            tap = at.make("resize", [at.value()], offset=offset, border=border, rounding="floor", **params)
            _, height, width, _ = tensor_type(tap.type).shape
            rows, columns = _weights(height, n_y, d_y, o_y, below), _weights(width, n_x, d_x, o_x, right)
            plane = at.constant((rows[:, None] * columns[None, :]).astype(NUMPY_DTYPES[wide]).reshape(1, height, width, 1))
            term = at.make("integer_binary", [at.make("cast", [tap], TensorType((), wide)), plane], kind="mul")
            total = term if total is None else at.make("integer_binary", [total, term], kind="add")
    return at.finish(total)


def _weights(count: int, n: int, d: int, offset: int, following: int) -> np.ndarray:
    """i64 [count]: of the n parts between two positions, how many belong to the one before, or to the one that follows."""
    part = (np.arange(count, dtype=np.int64) * d + offset) % n
    return part if following else n - part
