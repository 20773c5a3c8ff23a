# SPDX-License-Identifier: Apache-2.0
"""npu.integer_unary."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.integer_unary import IntegerUnary


class IntegerUnaryOp(NpuOp, name="integer_unary", traits=[Pure]):
    """See `npuc.ops.integer_unary`."""

    spec = IntegerUnary
    input: Operand[Any]
    kind: Any
    output: Result[Any]
