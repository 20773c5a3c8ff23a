# SPDX-License-Identifier: Apache-2.0
"""npu.gather."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.gather import Gather


class GatherOp(NpuOp, name="gather", traits=[Pure]):
    """See `npuc.ops.gather`."""

    spec = Gather
    input: Operand[Any]
    indices: Operand[Any]
    axis: Any
    batch_dims: Any
    output: Result[Any]
