# SPDX-License-Identifier: Apache-2.0
"""npu.float_softmax."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.float_softmax import FloatSoftmax


class FloatSoftmaxOp(NpuOp, name="float_softmax", traits=[Pure]):
    """See `npuc.ops.float_softmax`."""

    spec = FloatSoftmax
    input: Operand[Any]
    axis: Any
    output: Result[Any]
