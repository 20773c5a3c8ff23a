# SPDX-License-Identifier: Apache-2.0
"""npu.max_pool2d."""

from typing import Any

from npuc.dialects.base import Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.max_pool2d import MaxPool2d


class MaxPool2dOp(NpuOp, name="max_pool2d", traits=[Pure]):
    """See `npuc.ops.max_pool2d`."""

    spec = MaxPool2d
    input: Operand[Any]
    kernel: Any
    strides: Any
    pads: Any
    lo: Any
    hi: Any
    output: Result[Any]
