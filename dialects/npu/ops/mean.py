# SPDX-License-Identifier: Apache-2.0
"""npu.mean."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.mean import Mean


class MeanOp(NpuOp, name="mean", traits=[Pure]):
    """See `npuc.ops.mean`."""

    spec = Mean
    input: Operand[Any]
    axes: Any
    keepdims: Any
    zp_x: Any
    rescale: Any
    output: Result[Any]
