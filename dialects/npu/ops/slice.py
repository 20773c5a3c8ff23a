# SPDX-License-Identifier: Apache-2.0
"""npu.slice."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.slice import Slice


class SliceOp(NpuOp, name="slice", traits=[Pure]):
    """See `npuc.ops.slice`."""

    spec = Slice
    input: Operand[Any]
    starts: Any
    sizes: Any
    strides: Any
    output: Result[Any]
