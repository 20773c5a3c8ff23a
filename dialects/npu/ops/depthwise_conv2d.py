# SPDX-License-Identifier: Apache-2.0
"""npu.depthwise_conv2d."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.depthwise_conv2d import DepthwiseConv2d


class DepthwiseConv2dOp(NpuOp, name="depthwise_conv2d", traits=[Pure]):
    """See `npuc.ops.depthwise_conv2d`."""

    spec = DepthwiseConv2d
    input: Operand[Any]
    weights: Operand[Any]
    bias: Operand[Any]
    strides: Any
    dilation: Any
    pads: Any
    zp_x: Any
    zp_w: Any
    rescale: Any
    output: Result[Any]
