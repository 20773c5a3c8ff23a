# SPDX-License-Identifier: Apache-2.0
"""mul: quantized product, element by element, with broadcasting (TOSA MUL, RESCALE; TFLite MUL)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa.elementwise import ElementwiseKind
from npuc.ops._elementwise import Binary


@dataclass(frozen=True)
class Mul(Binary):
    """y = rescale((a - zp_a) * (b - zp_b)).

    a, b i8 or i16 of one type -> i8 or i16, shapes broadcast; the real scale of the rescale is scale_a * scale_b / scale_out.
    """

    name: ClassVar[str] = "mul"
    kind: ClassVar[ElementwiseKind] = ElementwiseKind.MUL

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        a, b = inputs
        return self.rescaled((a.astype(np.int64) - self.zp_a) * (b.astype(np.int64) - self.zp_b))
