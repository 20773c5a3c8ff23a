# SPDX-License-Identifier: Apache-2.0
"""npu.squared_difference."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.squared_difference import SquaredDifference


class SquaredDifferenceOp(NpuOp, name="squared_difference", traits=[Pure]):
    """See `npuc.ops.squared_difference`."""

    spec = SquaredDifference
    a: Operand[Any]
    b: Operand[Any]
    zp_a: Any
    zp_b: Any
    rescale: Any
    scale_a: Any
    scale_b: Any
    output: Result[Any]
