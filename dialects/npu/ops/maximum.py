# SPDX-License-Identifier: Apache-2.0
"""npu.maximum."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.maximum import Maximum


class MaximumOp(NpuOp, name="maximum", traits=[Pure]):
    """See `npuc.ops.maximum`."""

    spec = Maximum
    a: Operand[Any]
    b: Operand[Any]
    output: Result[Any]
