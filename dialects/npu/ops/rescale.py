# SPDX-License-Identifier: Apache-2.0
"""npu.rescale."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.rescale import Rescale


class RescaleOp(NpuOp, name="rescale", traits=[Pure]):
    """See `npuc.ops.rescale`."""

    spec = Rescale
    input: Operand[Any]
    zp_x: Any
    rescale: Any
    output: Result[Any]
