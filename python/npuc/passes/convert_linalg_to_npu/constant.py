# SPDX-License-Identifier: Apache-2.0
"""arith.constant of integers -> npu.constant."""

from torch_mlir import ir


def _constant(op, rewriter) -> bool | None:
    operation = op.operation
    value = operation.attributes["value"]
    if not isinstance(value, ir.DenseElementsAttr) or not isinstance(ir.ShapedType(value.type).element_type, ir.IntegerType):
        return True
    with rewriter.ip, operation.location:
        made = ir.Operation.create("npu.constant", results=[operation.results[0].type], attributes={"value": value})
    rewriter.replace_op(operation, list(made.results))
    return None


PATTERNS = (("arith.constant", _constant),)
