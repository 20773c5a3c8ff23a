# SPDX-License-Identifier: Apache-2.0
"""npu.float_log_softmax."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.float_log_softmax import FloatLogSoftmax


class FloatLogSoftmaxOp(NpuOp, name="float_log_softmax", traits=[Pure]):
    """See `npuc.ops.float_log_softmax`."""

    spec = FloatLogSoftmax
    input: Operand[Any]
    axis: Any
    output: Result[Any]
