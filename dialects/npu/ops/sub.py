# SPDX-License-Identifier: Apache-2.0
"""npu.sub."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.sub import Sub


class SubOp(NpuOp, name="sub", traits=[Pure]):
    """See `npuc.ops.sub`."""

    spec = Sub
    a: Operand[Any]
    b: Operand[Any]
    zp_a: Any
    zp_b: Any
    rescale: Any
    scale_a: Any
    scale_b: Any
    output: Result[Any]
