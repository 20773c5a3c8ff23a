# SPDX-License-Identifier: Apache-2.0
"""npu.sum."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.sum import Sum


class SumOp(NpuOp, name="sum", traits=[Pure]):
    """See `npuc.ops.sum`."""

    spec = Sum
    input: Operand[Any]
    axes: Any
    keepdims: Any
    zp_x: Any
    rescale: Any
    output: Result[Any]
