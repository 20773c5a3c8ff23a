# SPDX-License-Identifier: Apache-2.0
"""npu.float_unary."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.float_unary import FloatUnary


class FloatUnaryOp(NpuOp, name="float_unary", traits=[Pure]):
    """See `npuc.ops.float_unary`."""

    spec = FloatUnary
    input: Operand[Any]
    kind: Any
    arguments: Any
    output: Result[Any]
