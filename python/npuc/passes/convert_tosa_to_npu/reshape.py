# SPDX-License-Identifier: Apache-2.0
"""tosa.reshape, reshape_block_scaled of plain values, identity -> npu.reshape, or nothing."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa, reshaped

OPS = ("tosa.reshape", "tosa.reshape_block_scaled", "tosa.identity")


def convert(at: Tosa) -> ir.Value:
    return at.finish(reshaped(at, at.value(), at.type().shape if at.name == "identity" else at.shape(1, "shape")))
