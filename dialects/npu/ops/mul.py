# SPDX-License-Identifier: Apache-2.0
"""npu.mul."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.mul import Mul


class MulOp(NpuOp, name="mul", traits=[Pure]):
    """See `npuc.ops.mul`."""

    spec = Mul
    a: Operand[Any]
    b: Operand[Any]
    zp_a: Any
    zp_b: Any
    rescale: Any
    output: Result[Any]
