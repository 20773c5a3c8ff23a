# SPDX-License-Identifier: Apache-2.0
"""npu.conv3d."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.conv3d import Conv3d


class Conv3dOp(NpuOp, name="conv3d", traits=[Pure]):
    """See `npuc.ops.conv3d`."""

    spec = Conv3d
    input: Operand[Any]
    weights: Operand[Any]
    bias: Operand[Any]
    strides: Any
    dilation: Any
    pads: Any
    zp_x: Any
    zp_w: Any
    output: Result[Any]
