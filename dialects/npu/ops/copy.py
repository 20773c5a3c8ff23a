# SPDX-License-Identifier: Apache-2.0
"""npu.copy: the same values elsewhere; a transfer where the encodings name different memories."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from npuc.dialects.base import Operand, Pure, Result, complain
from npuc.dialects.npu.dialect import Npu


class CopyOp(Npu.Operation, name="copy", traits=[Pure]):
    """outputs[i] = inputs[i]; shapes and element types agree, encodings (memory, offset, ring) may differ."""

    inputs: Sequence[Operand[Any]]
    outputs: Sequence[Result[Any]]

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
    """Insert an `npu.copy` at the current insertion point and return its results."""
    attributes = {name: ir.DenseI32ArrayAttr.get([len(values)]) for name in ("operandSegmentSizes", "resultSegmentSizes")}
    op = ir.Operation.create("npu.copy", results=list(result_types), operands=list(values), attributes=attributes, loc=loc)
    return list(op.results)
