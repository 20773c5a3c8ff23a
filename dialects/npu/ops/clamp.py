# SPDX-License-Identifier: Apache-2.0
"""npu.clamp."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.clamp import Clamp


class ClampOp(NpuOp, name="clamp", traits=[Pure]):
    """See `npuc.ops.clamp`."""

    spec = Clamp
    input: Operand[Any]
    lo: Any
    hi: Any
    output: Result[Any]
