# SPDX-License-Identifier: Apache-2.0
"""npu.reduce_max."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.reduce_max import ReduceMax


class ReduceMaxOp(NpuOp, name="reduce_max", traits=[Pure]):
    """See `npuc.ops.reduce_max`."""

    spec = ReduceMax
    input: Operand[Any]
    axes: Any
    keepdims: Any
    output: Result[Any]
