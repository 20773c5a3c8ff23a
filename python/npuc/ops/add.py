# SPDX-License-Identifier: Apache-2.0
"""add: quantized sum with broadcasting (TOSA RESCALE, ADD, RESCALE; TFLite ADD)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa.elementwise import ElementwiseKind
from npuc.ops._sum import Sum


@dataclass(frozen=True)
class Add(Sum):
    """y = rescale(scale_a(a - zp_a) + scale_b(b - zp_b)), scale(v) = ((v << left_shift) * multiplier + round) >> shift.

    a, b i8, i16 or i32, each for itself -> i8 or i16, shapes broadcast. The scales bring both to a common i32 scale with 20 bits of headroom
    (i16: 15); `sum_scales` makes them.
    """

    name: ClassVar[str] = "add"
    kind: ClassVar[ElementwiseKind] = ElementwiseKind.ADD

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        left, right = self.terms(*inputs)
        return self.rescaled(left + right)
