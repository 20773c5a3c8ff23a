# SPDX-License-Identifier: Apache-2.0
"""npu.table."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.table import Table


class TableOp(NpuOp, name="table", traits=[Pure]):
    """See `npuc.ops.table`."""

    spec = Table
    input: Operand[Any]
    table: Operand[Any]
    output: Result[Any]
