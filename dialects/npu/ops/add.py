# SPDX-License-Identifier: Apache-2.0
"""npu.add."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.add import Add


class AddOp(NpuOp, name="add", traits=[Pure]):
    """See `npuc.ops.add`."""

    spec = Add
    a: Operand[Any]
    b: Operand[Any]
    zp_a: Any
    zp_b: Any
    rescale: Any
    scale_a: Any
    scale_b: Any
    output: Result[Any]
