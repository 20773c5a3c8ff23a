# SPDX-License-Identifier: Apache-2.0
"""npu.cast."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.cast import Cast


class CastOp(NpuOp, name="cast", traits=[Pure]):
    """See `npuc.ops.cast`."""

    spec = Cast
    input: Operand[Any]
    output: Result[Any]
