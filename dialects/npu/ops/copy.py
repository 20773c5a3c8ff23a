# SPDX-License-Identifier: Apache-2.0
"""npu.copy: the same values elsewhere; a transfer where the encodings name different memories."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from npuc.dialects.base import Operand, Pure, Result, complain
from npuc.dialects.npu.dialect import Npu


class CopyOp(Npu.Operation, name="copy", traits=[Pure]):
    """output = input and, where given, second_output = second; one transfer.

    Shapes and element types agree, encodings (memory, offset, ring) may differ. Two operands are the weights and the bias of a
    tile, which lie packed together.
    """

    input: Operand[Any]
    output: Result[Any]
    second: Operand[Any] | None = None
    second_output: Result[Any] | None = None

    @classmethod
    def verify_invariants(cls, op):
        inputs, outputs = list(op.operation.operands), list(op.operation.results)
        if len(inputs) != len(outputs):
            return complain(op, [f"has {len(inputs)} operands and {len(outputs)} results, wanted as many"])
        return complain(op, (text for i in range(len(inputs)) for text in _difference(i, inputs[i].type, outputs[i].type)))


def _difference(index, source, result):
    if not isinstance(source, ir.ShapedType) or not isinstance(result, ir.ShapedType):
        yield f"operand {index} has type {source} and result type {result}, wanted tensors"
    elif list(source.shape) != list(result.shape) or source.element_type != result.element_type:
        yield f"result {index} has type {result}, wanted shape and element type of its operand, {source}"


def build_copy(values: Sequence[ir.Value], result_types: Sequence[ir.Type], *, loc: ir.Location | None = None) -> list[ir.Value]:
    """Insert an `npu.copy` of one value, or of two, at the current insertion point and return its results."""
    sizes = ir.DenseI32ArrayAttr.get([1, len(values) - 1])
    attributes = {"operandSegmentSizes": sizes, "resultSegmentSizes": sizes}
    op = ir.Operation.create("npu.copy", results=list(result_types), operands=list(values), attributes=attributes, loc=loc)
    return list(op.results)
