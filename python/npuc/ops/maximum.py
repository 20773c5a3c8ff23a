# SPDX-License-Identifier: Apache-2.0
"""maximum: the greater of two stored values, with broadcasting (TOSA MAXIMUM; TFLite MAXIMUM)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa.elementwise import ElementwiseKind
from npuc.ops._extremum import Extremum


@dataclass(frozen=True)
class Maximum(Extremum):
    """y = max(a, b) of stored values; i8, i16 or i32 of one type, scale and zero point, shapes broadcast."""

    name: ClassVar[str] = "maximum"
    kind: ClassVar[ElementwiseKind] = ElementwiseKind.MAXIMUM
    join = staticmethod(lambda a, b: np.maximum(a, b))
