# SPDX-License-Identifier: Apache-2.0
"""arith.constant of a tensor -> npu.constant, whoever reads it: npu ops of a module that holds both, or what is raised of linalg later."""

from torch_mlir import ir

from npuc.dialects.base import tensor_type


def _constant(op, rewriter) -> bool | None:
    operation = op.operation
    value = operation.attributes["value"]
    if not isinstance(value, ir.DenseElementsAttr):
        return True
    try:
        tensor_type(operation.results[0].type)
    except ValueError:
        # f64 inside of a layer: it goes where the layer is raised
        return True
    with rewriter.ip, operation.location:
        made = ir.Operation.create("npu.constant", results=[operation.results[0].type], attributes={"value": value})
    rewriter.replace_op(operation, list(made.results))
    return None


PATTERNS = (("arith.constant", _constant),)
