# SPDX-License-Identifier: Apache-2.0
"""Float functions that stay float -> npu.float_unary, npu.float_softmax and npu.float_log_softmax on the host."""

from npuc.dialects.attrs import from_attr
from npuc.dialects.base import tensor_type
from npuc.passes.base import replace_op
from npuc.passes.convert_linalg_to_npu._functions import function_of
from npuc.passes.convert_linalg_to_npu._match import spec_for

_VECTORS = {"softmax": "float_softmax", "log_softmax": "float_log_softmax"}


def _float_op(op, rewriter) -> bool | None:
    operation = op.operation
    kind, params = from_attr(operation.attributes["kind"]), from_attr(operation.attributes["params"])
    operands = list(operation.operands)
    found = function_of(kind, params)
    if kind in _VECTORS:
        spec = spec_for(_VECTORS[kind], operands, axis=params["axis"] % len(tensor_type(operands[0].type).shape))
    elif found is not None:
        spec = spec_for("float_unary", operands, kind=found[0], arguments=found[1])
    else:
        return True
    replace_op(rewriter, operation, spec, operands)
    return None


PATTERNS = (("npu.float_op", _float_op),)
