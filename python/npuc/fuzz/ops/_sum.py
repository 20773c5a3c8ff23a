# SPDX-License-Identifier: Apache-2.0
"""Parameters of add and sub at random."""

from dataclasses import replace
from typing import Any

from npuc.fuzz.net import Net
from npuc.ops._sum import sum_scales


def sum_params(net: Net, dtype: str, scale_a: float, scale_b: float, scale_out: float) -> dict[str, Any]:
    """Zero points, scales and the rescale of a sum of these real steps; headroom in the scales, or made by a shift as TFLite does."""
    first, second, out = sum_scales(scale_a, scale_b, scale_out)
    rescale = replace(net.rescale(dtype=dtype), multiplier=out[:1], shift=out[1:])
    if dtype == "i16":
        # 8 bits less of headroom for 8 bits more of values
        first, second = (first[0], first[1] + 8), (second[0], second[1] + 8)
    shift = 0
    if dtype == "i8" and net.chance(0.3) and max(first[1], second[1]) + 20 <= 62:
        shift, first, second = 20, (first[0], first[1] + 20), (second[0], second[1] + 20)
    return {"zp_a": net.zero_point(), "zp_b": net.zero_point(), "scale_a": first, "scale_b": second, "rescale": rescale, "left_shift": shift}
