# SPDX-License-Identifier: Apache-2.0
"""npu.minimum."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.minimum import Minimum


class MinimumOp(NpuOp, name="minimum", traits=[Pure]):
    """See `npuc.ops.minimum`."""

    spec = Minimum
    a: Operand[Any]
    b: Operand[Any]
    output: Result[Any]
