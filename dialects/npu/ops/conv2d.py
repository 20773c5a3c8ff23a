# SPDX-License-Identifier: Apache-2.0
"""npu.conv2d."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.conv2d import Conv2d


class Conv2dOp(NpuOp, name="conv2d", traits=[Pure]):
    """See `npuc.ops.conv2d`."""

    spec = Conv2d
    input: Operand[Any]
    weights: Operand[Any]
    bias: Operand[Any]
    strides: Any
    dilation: Any
    pads: Any
    groups: Any
    zp_x: Any
    zp_w: Any
    rescale: Any
    output: Result[Any]
