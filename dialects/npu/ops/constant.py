# SPDX-License-Identifier: Apache-2.0
"""npu.constant: a tensor known at compile time (weights, bias, tables)."""

from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import Pure, Result, complain, element_type
from npuc.dialects.npu.dialect import Npu
from npuc.ops.base import NUMPY_DTYPES


class ConstantOp(Npu.Operation, name="constant", traits=[Pure]):
    """result = value, a dense elements attribute of the result's shape and element type."""

    value: Any
    output: Result[Any]

    @classmethod
    def verify_invariants(cls, op):
        value, kind = op.value, op.output.type
        if not isinstance(value, ir.DenseElementsAttr):
            return complain(op, [f"attribute 'value' is {value}, wanted dense<…>"])
        if not isinstance(kind, ir.RankedTensorType):
            return complain(op, [f"result has type {kind}, wanted a ranked tensor"])
        found = ir.ShapedType(value.type)
        if list(found.shape) != list(kind.shape) or found.element_type != kind.element_type:
            return complain(op, [f"value has type {value.type}, wanted that of the result, {kind}"])
        return True


def constant_array(op: ir.Operation | ir.OpView) -> np.ndarray:
    """The value of an `npu.constant`, read-only and without a copy; it keeps the attribute alive."""
    array = np.asarray(op.operation.attributes["value"])
    array.flags.writeable = False
    return array


def build_constant(array: np.ndarray, *, result_type: ir.Type | None = None, loc: ir.Location | None = None) -> ir.Value:
    """Insert an `npu.constant` of `array` at the current insertion point and return its result.

    Args:
        result_type: the result's type where it carries an encoding; shape and element type must be those of `array`.
    """
    dtype = next(name for name, kind in NUMPY_DTYPES.items() if np.dtype(kind) == array.dtype)
    kind = ir.RankedTensorType.get(array.shape, element_type(dtype))
    value = ir.DenseElementsAttr.get(np.ascontiguousarray(array).reshape(array.shape), type=kind)
    return ir.Operation.create("npu.constant", results=[result_type or kind], attributes={"value": value}, loc=loc).results[0]
