# SPDX-License-Identifier: Apache-2.0
"""npu.resize."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.resize import Resize


class ResizeOp(NpuOp, name="resize", traits=[Pure]):
    """See `npuc.ops.resize`."""

    spec = Resize
    input: Operand[Any]
    scale_y: Any
    scale_x: Any
    offset: Any
    border: Any
    rounding: Any
    output: Result[Any]
