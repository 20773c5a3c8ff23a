# SPDX-License-Identifier: Apache-2.0
"""Real scales as integer multiplier and shift (TOSA 1.0, RESCALE; TFLite's shift t is s = 31 - t)."""

import math

SHIFT_MIN = 2
SHIFT_MAX = 62
MULTIPLIER_END = 1 << 31


def quantize_scale(scale: float) -> tuple[int, int]:
    """Return (m, s) with m / 2**s nearest to `scale`, m in [2**30, 2**31) and 2 <= s <= 62, or (0, 2).

    A scale below what s = 62 expresses is flushed to m = 0, as TFLite does. The mantissa is rounded half
    to even and renormalised when it reaches 2**31.

    Raises:
        ValueError: the scale is negative, not finite, or 2**29 and more.
    """
    if not math.isfinite(scale) or scale < 0:
        raise ValueError(f"scale is {scale!r}, wanted a finite value of at least 0")
    if scale == 0.0:
        return 0, SHIFT_MIN
    mantissa, exponent = math.frexp(scale)
    multiplier = round(mantissa * MULTIPLIER_END)
    shift = 31 - exponent
    if multiplier == MULTIPLIER_END:
        multiplier, shift = MULTIPLIER_END >> 1, shift - 1
    if shift > SHIFT_MAX:
        return 0, SHIFT_MIN
    if shift < SHIFT_MIN:
        raise ValueError(f"scale is {scale!r}, wanted less than 2**29")
    return multiplier, shift
