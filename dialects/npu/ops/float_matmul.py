# SPDX-License-Identifier: Apache-2.0
"""npu.float_matmul."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.float_matmul import FloatMatmul


class FloatMatmulOp(NpuOp, name="float_matmul", traits=[Pure]):
    """See `npuc.ops.float_matmul`."""

    spec = FloatMatmul
    a: Operand[Any]
    b: Operand[Any]
    transpose_b: Any
    output: Result[Any]
