# SPDX-License-Identifier: Apache-2.0
"""npu.float_compare."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.float_compare import FloatCompare


class FloatCompareOp(NpuOp, name="float_compare", traits=[Pure]):
    """See `npuc.ops.float_compare`."""

    spec = FloatCompare
    a: Operand[Any]
    b: Operand[Any]
    kind: Any
    unordered: Any
    output: Result[Any]
