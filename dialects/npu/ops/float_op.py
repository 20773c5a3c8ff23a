# SPDX-License-Identifier: Apache-2.0
"""npu.float_op: a function on float values that a frontend keeps whole.

torch-mlir spreads such a function over many linalg ops, where it is hard to find again. Between dequantize and quantize
`convert-linalg-to-npu` makes it a table, a pool or a clamp; elsewhere it runs on the host. `kind` names the function and
`params` holds its constant arguments, named and meant as in PyTorch.
"""

from typing import Any

from torch_mlir import ir

from npuc.dialects.base import Operand, Pure, Result, complain
from npuc.dialects.npu.dialect import Npu


class FloatOp(Npu.Operation, name="float_op", traits=[Pure]):
    """f32 -> f32."""

    input: Operand[Any]
    kind: ir.StringAttr
    params: Any
    output: Result[Any]

    @classmethod
    def verify_invariants(cls, op):
        params = op.operation.attributes["params"] if "params" in op.operation.attributes else None
        if not isinstance(params, ir.DictAttr):
            return complain(op, [f"params is {params}, wanted a dictionary"])
        kinds = [op.input.type, op.output.type]
        if not all(isinstance(kind, ir.RankedTensorType) and isinstance(kind.element_type, ir.F32Type) for kind in kinds):
            return complain(op, [f"has types {kinds[0]} and {kinds[1]}, wanted tensors of f32"])
        return True
