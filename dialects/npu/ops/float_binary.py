# SPDX-License-Identifier: Apache-2.0
"""npu.float_binary."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.float_binary import FloatBinary


class FloatBinaryOp(NpuOp, name="float_binary", traits=[Pure]):
    """See `npuc.ops.float_binary`."""

    spec = FloatBinary
    a: Operand[Any]
    b: Operand[Any]
    kind: Any
    output: Result[Any]
