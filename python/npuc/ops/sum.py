# SPDX-License-Identifier: Apache-2.0
"""sum: over whole dimensions, rescaled once (TFLite SUM; TOSA REDUCE_SUM between two RESCALEs)."""

from dataclasses import dataclass
from typing import ClassVar

from npuc.ops.mean import Mean


@dataclass(frozen=True)
class Sum(Mean):
    """y[rest] = rescale(sum over axes of (x - zp_x)); the real scale of the rescale is scale_in / scale_out.

    input i8 or i16, the result of its type; `axes` in ascending order, kept with extent 1 where keepdims. As mean, but for what the scale means.
    """

    name: ClassVar[str] = "sum"
