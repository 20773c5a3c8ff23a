# SPDX-License-Identifier: Apache-2.0
"""tosa.gather, and row_gather of a later TOSA -> npu.gather."""

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.passes.convert_tosa_to_npu._match import Tosa, reshaped

OPS = ("tosa.gather", "tosa.row_gather", "tosa.row_gather_block_scaled")


def convert(at: Tosa) -> ir.Value:
    """[N, K, C] by indices [N, W]; row_gather takes a number of rows from each index on."""
    indices = at.value(1)
    if at.name != "gather":
        indices = _runs(at, indices, at.number(2, "row count"))
    return at.finish(at.make("gather", [at.value(), indices], axis=1, batch_dims=1))


def _runs(at: Tosa, indices: ir.Value, rows: int) -> ir.Value:
    """index, index + 1, ... of each."""
    n, count = tensor_type(indices.type).shape
    steps = at.constant(np.arange(rows, dtype=np.int32).reshape(1, 1, rows))
    each = at.make("integer_binary", [reshaped(at, indices, (n, count, 1)), steps], kind="add")
    return reshaped(at, each, (n, count * rows))
