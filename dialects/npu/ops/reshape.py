# SPDX-License-Identifier: Apache-2.0
"""npu.reshape."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.reshape import Reshape


class ReshapeOp(NpuOp, name="reshape", traits=[Pure]):
    """See `npuc.ops.reshape`."""

    spec = Reshape
    input: Operand[Any]
    output: Result[Any]
