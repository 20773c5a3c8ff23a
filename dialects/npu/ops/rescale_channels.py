# SPDX-License-Identifier: Apache-2.0
"""npu.rescale_channels."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.rescale_channels import RescaleChannels


class RescaleChannelsOp(NpuOp, name="rescale_channels", traits=[Pure]):
    """See `npuc.ops.rescale_channels`."""

    spec = RescaleChannels
    input: Operand[Any]
    zp_x: Any
    rescale: Any
    output: Result[Any]
