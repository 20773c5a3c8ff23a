# SPDX-License-Identifier: Apache-2.0
"""npu.softmax."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.softmax import Softmax


class SoftmaxOp(NpuOp, name="softmax", traits=[Pure]):
    """See `npuc.ops.softmax`."""

    spec = Softmax
    input: Operand[Any]
    scale: Any
    output: Result[Any]
