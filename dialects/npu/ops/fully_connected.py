# SPDX-License-Identifier: Apache-2.0
"""npu.fully_connected."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.fully_connected import FullyConnected


class FullyConnectedOp(NpuOp, name="fully_connected", traits=[Pure]):
    """See `npuc.ops.fully_connected`."""

    spec = FullyConnected
    input: Operand[Any]
    weights: Operand[Any]
    bias: Operand[Any]
    zp_x: Any
    zp_w: Any
    rescale: Any
    output: Result[Any]
