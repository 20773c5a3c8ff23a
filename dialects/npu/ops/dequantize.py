# SPDX-License-Identifier: Apache-2.0
"""npu.dequantize."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.dequantize import Dequantize


class DequantizeOp(NpuOp, name="dequantize", traits=[Pure]):
    """See `npuc.ops.dequantize`."""

    spec = Dequantize
    input: Operand[Any]
    scale: Any
    zp: Any
    output: Result[Any]
