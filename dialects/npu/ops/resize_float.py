# SPDX-License-Identifier: Apache-2.0
"""npu.resize_float."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.resize_float import ResizeFloat


class ResizeFloatOp(NpuOp, name="resize_float", traits=[Pure]):
    """See `npuc.ops.resize_float`."""

    spec = ResizeFloat
    input: Operand[Any]
    size: Any
    align_corners: Any
    half_pixel_centers: Any
    output: Result[Any]
