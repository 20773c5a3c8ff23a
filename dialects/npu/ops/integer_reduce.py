# SPDX-License-Identifier: Apache-2.0
"""npu.integer_reduce."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.integer_reduce import IntegerReduce


class IntegerReduceOp(NpuOp, name="integer_reduce", traits=[Pure]):
    """See `npuc.ops.integer_reduce`."""

    spec = IntegerReduce
    input: Operand[Any]
    kind: Any
    axis: Any
    output: Result[Any]
