# SPDX-License-Identifier: Apache-2.0
"""npu.integer_binary."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.integer_binary import IntegerBinary


class IntegerBinaryOp(NpuOp, name="integer_binary", traits=[Pure]):
    """See `npuc.ops.integer_binary`."""

    spec = IntegerBinary
    a: Operand[Any]
    b: Operand[Any]
    kind: Any
    shift: Any
    output: Result[Any]
