# SPDX-License-Identifier: Apache-2.0
"""npu.float_reduce."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.float_reduce import FloatReduce


class FloatReduceOp(NpuOp, name="float_reduce", traits=[Pure]):
    """See `npuc.ops.float_reduce`."""

    spec = FloatReduce
    input: Operand[Any]
    kind: Any
    axes: Any
    output: Result[Any]
