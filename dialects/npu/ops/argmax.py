# SPDX-License-Identifier: Apache-2.0
"""npu.argmax."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.argmax import Argmax


class ArgmaxOp(NpuOp, name="argmax", traits=[Pure]):
    """See `npuc.ops.argmax`."""

    spec = Argmax
    input: Operand[Any]
    axis: Any
    keepdims: Any
    output: Result[Any]
