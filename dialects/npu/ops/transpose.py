# SPDX-License-Identifier: Apache-2.0
"""npu.transpose."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.transpose import Transpose


class TransposeOp(NpuOp, name="transpose", traits=[Pure]):
    """See `npuc.ops.transpose`."""

    spec = Transpose
    input: Operand[Any]
    perm: Any
    output: Result[Any]
