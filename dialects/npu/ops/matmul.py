# SPDX-License-Identifier: Apache-2.0
"""npu.matmul."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.matmul import Matmul


class MatmulOp(NpuOp, name="matmul", traits=[Pure]):
    """See `npuc.ops.matmul`."""

    spec = Matmul
    a: Operand[Any]
    b: Operand[Any]
    transpose_a: Any
    transpose_b: Any
    zp_a: Any
    zp_b: Any
    rescale: Any
    output: Result[Any]
