# SPDX-License-Identifier: Apache-2.0
"""npu.select."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.select import Select


class SelectOp(NpuOp, name="select", traits=[Pure]):
    """See `npuc.ops.select`."""

    spec = Select
    condition: Operand[Any]
    a: Operand[Any]
    b: Operand[Any]
    output: Result[Any]
