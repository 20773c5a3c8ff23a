# SPDX-License-Identifier: Apache-2.0
"""npu.broadcast."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.broadcast import Broadcast


class BroadcastOp(NpuOp, name="broadcast", traits=[Pure]):
    """See `npuc.ops.broadcast`."""

    spec = Broadcast
    input: Operand[Any]
    output: Result[Any]
