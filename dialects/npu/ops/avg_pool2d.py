# SPDX-License-Identifier: Apache-2.0
"""npu.avg_pool2d."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.avg_pool2d import AvgPool2d


class AvgPool2dOp(NpuOp, name="avg_pool2d", traits=[Pure]):
    """See `npuc.ops.avg_pool2d`."""

    spec = AvgPool2d
    input: Operand[Any]
    kernel: Any
    strides: Any
    pads: Any
    count_include_pad: Any
    zp_x: Any
    rescale: Any
    output: Result[Any]
