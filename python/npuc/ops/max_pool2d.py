# SPDX-License-Identifier: Apache-2.0
"""max_pool2d: the greatest stored value of each window (TOSA MAX_POOL2D; TFLite MAX_POOL_2D)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa import pool as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics.pool import max_windows
from npuc.ops._checks import RANGES, bounds_ok
from npuc.ops._pool import Pool
from npuc.ops.base import param
from npuc.targets.base import Target


@dataclass(frozen=True)
class MaxPool2d(Pool):
    """y[n,h,w,c] = clamp(max over i,j of x[n, h*sh - top + i, w*sw - left + j, c], lo, hi); padding takes no part.

    input i8 or i16 [N, H, W, C] -> [N, OH, OW, C] of its type, scale and zero point.
    """

    name: ClassVar[str] = "max_pool2d"

    lo: int = param("least value of the result", -128)
    hi: int = param("greatest value of the result", 127)

    def malformed(self) -> Iterator[str]:
        wrong = list(super().malformed())
        yield from wrong or bounds_ok(self.lo, self.hi, self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.clip(max_windows(inputs[0], self.kernel, self.strides, self.pads), self.lo, self.hi)

    # what this machine makes of it -------------------------------------------------------------

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        instruction = isa.Pool(
            kind=isa.PoolKind.MAX, ifm=inputs[0].padded(self.pads, RANGES[self.output.dtype][0]), ofm=output, kernel_h=self.kernel[0], kernel_w=self.kernel[1],
            stride_h=self.strides[0], stride_w=self.strides[1], lo=self.lo, hi=self.hi,
        )  # fmt: skip
        return [instruction]
