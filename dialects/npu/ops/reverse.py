# SPDX-License-Identifier: Apache-2.0
"""npu.reverse."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.reverse import Reverse


class ReverseOp(NpuOp, name="reverse", traits=[Pure]):
    """See `npuc.ops.reverse`."""

    spec = Reverse
    input: Operand[Any]
    axis: Any
    output: Result[Any]
