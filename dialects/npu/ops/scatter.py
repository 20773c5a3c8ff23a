# SPDX-License-Identifier: Apache-2.0
"""npu.scatter."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.scatter import Scatter


class ScatterOp(NpuOp, name="scatter", traits=[Pure]):
    """See `npuc.ops.scatter`."""

    spec = Scatter
    input: Operand[Any]
    indices: Operand[Any]
    updates: Operand[Any]
    output: Result[Any]
