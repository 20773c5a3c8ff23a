# SPDX-License-Identifier: Apache-2.0
"""minimum: the lesser of two stored values, with broadcasting (TOSA MINIMUM; TFLite MINIMUM)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa.elementwise import ElementwiseKind
from npuc.ops._extremum import Extremum


@dataclass(frozen=True)
class Minimum(Extremum):
    """y = min(a, b) of stored values; i8, i16 or i32 of one type, scale and zero point, shapes broadcast."""

    name: ClassVar[str] = "minimum"
    kind: ClassVar[ElementwiseKind] = ElementwiseKind.MINIMUM
    join = staticmethod(lambda a, b: np.minimum(a, b))
