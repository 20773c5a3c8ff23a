# SPDX-License-Identifier: Apache-2.0
"""TFLite's reference arithmetic on scales and tables, where it is its own: checked against LiteRT's BUILTIN_REF kernels to the bit."""

import math

from npuc.numerics.scales import MULTIPLIER_END, SHIFT_MAX, SHIFT_MIN


def quantize_multiplier(scale: float) -> tuple[int, int]:
    """(m, s) with m / 2**s nearest to `scale`; the mantissa is rounded half up, a scale below 2**-32 is 0.

    Raises:
        ValueError: the scale is negative, not finite, or 2**29 and more.
    """
    if not math.isfinite(scale) or scale < 0:
        raise ValueError(f"scale is {scale!r}, wanted a finite value of at least 0")
    if scale == 0.0:
        return 0, SHIFT_MIN
    mantissa, exponent = math.frexp(scale)
    multiplier = math.floor(mantissa * MULTIPLIER_END + 0.5)
    if multiplier == MULTIPLIER_END:
        multiplier, exponent = MULTIPLIER_END >> 1, exponent + 1
    shift = 31 - exponent
    if shift > SHIFT_MAX:
        return 0, SHIFT_MIN
    if shift < SHIFT_MIN:
        raise ValueError(f"scale is {scale!r}, wanted less than 2**29")
    return multiplier, shift


def mean_multiplier(scale: float, count: int) -> tuple[int, int]:
    """(m, s) of `scale` divided by `count` as MEAN does it: the multiplier itself is divided, and stays below 2**30 at times."""
    multiplier, shift = quantize_multiplier(scale)
    exponent = 31 - shift
    more = min(count.bit_length() - 1, 32, 31 + exponent)
    return (multiplier << more) // count, shift + more
