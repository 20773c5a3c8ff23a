# SPDX-License-Identifier: Apache-2.0
"""Data movement between quantized values -> npu.reshape, npu.transpose, npu.slice, npu.pad; nothing at all -> npu.rescale."""

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import MOVES, Root, quantized

ROOTS = (*MOVES, "npu.dequantize")


def convert(root: Root) -> ir.Value | None:
    """The movement is done on i8; a rescale follows where the scale differs."""
    found = quantized(root.op.results[0])
    return None if found is None else root.requantized(found)
