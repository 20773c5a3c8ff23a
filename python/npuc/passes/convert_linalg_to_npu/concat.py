# SPDX-License-Identifier: Apache-2.0
"""tensor.concat -> npu.concat."""

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import Root, concatenated, quantized

ROOTS = ("tensor.concat",)


def convert(root: Root) -> ir.Value | None:
    """Operands of another scale are rescaled first."""
    found = [quantized(value) for value in root.op.operands]
    values = [root.requantized(operand) for operand in found if operand is not None]
    if len(values) != len(found):
        return None
    return concatenated(values, ir.IntegerAttr(root.op.attributes["dim"]).value)
