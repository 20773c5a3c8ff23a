# SPDX-License-Identifier: Apache-2.0
"""npu.concat."""

from collections.abc import Sequence
from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.concat import Concat


class ConcatOp(NpuOp, name="concat", traits=[Pure]):
    """See `npuc.ops.concat`."""

    spec = Concat
    inputs: Sequence[Operand[Any]]
    axis: Any
    output: Result[Any]
