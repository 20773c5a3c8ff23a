# SPDX-License-Identifier: Apache-2.0
"""npu.pad."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.pad import Pad


class PadOp(NpuOp, name="pad", traits=[Pure]):
    """See `npuc.ops.pad`."""

    spec = Pad
    input: Operand[Any]
    pads: Any
    value: Any
    output: Result[Any]
