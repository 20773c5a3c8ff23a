# SPDX-License-Identifier: Apache-2.0
"""npu.quantize."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.quantize import Quantize


class QuantizeOp(NpuOp, name="quantize", traits=[Pure]):
    """See `npuc.ops.quantize`."""

    spec = Quantize
    input: Operand[Any]
    scale: Any
    zp: Any
    lo: Any
    hi: Any
    output: Result[Any]
