# SPDX-License-Identifier: Apache-2.0
"""TFLite's reference arithmetic on scales and tables, where it is its own: checked against LiteRT's BUILTIN_REF kernels to the bit."""

import math
from collections.abc import Callable

import numpy as np

from npuc.numerics.rescale import scale_values
from npuc.numerics.scales import MULTIPLIER_END, SHIFT_MAX, SHIFT_MIN
from npuc.numerics.softmax import multiply_high, rounding_divide


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


def narrow_multiplier(multiplier: int, shift: int) -> tuple[int, int]:
    """(m, s) of a scale for 64-bit sums, which leave a multiplier 15 bits: rounded half up, 2**15 - 1 at most."""
    narrow = (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
    if shift - 16 < SHIFT_MIN:
        raise ValueError(f"shift is {shift}, wanted at least {SHIFT_MIN + 16}: a scale below 2**13")
    return narrow, shift - 16


def mean_multiplier(scale: float, count: int) -> tuple[int, int]:
    """(m, s) of `scale` divided by `count` as MEAN does it: the multiplier itself is divided, and stays below 2**30 at times."""
    multiplier, shift = quantize_multiplier(scale)
    exponent = 31 - shift
    more = min(count.bit_length() - 1, 32, 31 + exponent)
    return (multiplier << more) // count, shift + more


# tables over the 256 codes of int8 ------------------------------------------------------------------

CODES = np.arange(-128, 128)
_ONE_I16 = (1 << 15) - 1
_ONE_I32 = (1 << 31) - 1


def scaled(values: np.ndarray, scale: float) -> np.ndarray:
    """`values` times a real factor in TFLite's integers, rounded twice, i64."""
    multiplier, shift = quantize_multiplier(scale)
    return scale_values(values, np.array([multiplier]), np.array([shift]), True)


def float_table(function: Callable[[np.ndarray], np.ndarray], scale_in: float, zp_in: int, scale_out: float, zp_out: int) -> np.ndarray:
    """i8 [256] as TFLite fills its lookup tables: codes to f32, the function, times f32(1 / scale_out), halves away from zero.

    The function itself is computed in f64 and rounded once; outside of its domain the entry is the bound on that side.
    """
    x = np.float32(scale_in) * (CODES - zp_in).astype(np.float32)
    with np.errstate(all="ignore"):
        y = function(x.astype(np.float64)).astype(np.float32) * (np.float32(1) / np.float32(scale_out))
    # far outside of eight bits, and still exact
    y = np.clip(np.nan_to_num(y), -(1 << 20), 1 << 20)
    whole = np.trunc(y)
    return _stored((whole + np.where(np.abs(y - whole) >= 0.5, np.copysign(1.0, y), 0.0)).astype(np.int64), zp_out)


def _stored(values: np.ndarray, zp_out: int) -> np.ndarray:
    return np.clip(values + zp_out, -128, 127).astype(np.int8)


def leaky_relu_table(scale_in: float, zp_in: int, scale_out: float, zp_out: int, alpha: float) -> np.ndarray:
    """LEAKY_RELU: one factor from 0 up, another below."""
    x = CODES - zp_in
    below = float(np.float32(scale_in) * np.float32(alpha) / np.float32(scale_out))
    negative = scaled(x, abs(below)) if below >= 0 else scaled(-x, -below)
    return _stored(np.where(x >= 0, scaled(x, scale_in / scale_out), negative), zp_out)


def abs_table(scale_in: float, zp_in: int, scale_out: float, zp_out: int) -> np.ndarray:
    """ABS: rescaled only where the scales differ."""
    x = np.abs(CODES - zp_in)
    return _stored(x if scale_in == scale_out else scaled(x, scale_in / scale_out), zp_out)


def neg_table() -> np.ndarray:
    """NEG: of the codes, wrapping, whatever their zero points."""
    return (-CODES).astype(np.int8)


def falling_table() -> np.ndarray:
    """Codes in the other order, the greatest for the least: a least value is what a greatest one is of these."""
    return (-1 - CODES).astype(np.int8)


def sqrt_table(scale_in: float, zp_in: int, scale_out: float, zp_out: int) -> np.ndarray:
    """SQRT: rounded down."""
    with np.errstate(all="ignore"):
        y = np.sqrt(np.float32(scale_in) * (CODES - zp_in).astype(np.float32)) / np.float32(scale_out)
    # far outside of eight bits, and still exact
    return _stored(np.floor(np.minimum(np.nan_to_num(y), 1 << 20)).astype(np.int64), zp_out)


def _high_i16(a: np.ndarray, b: int) -> np.ndarray:
    """round(a * b / 2**15), halves up, saturated."""
    return np.clip((a * b + (1 << 14)) >> 15, -_ONE_I16 - 1, _ONE_I16)


def _multiplier_i16(scale: float) -> tuple[int, int]:
    """(m, e) with m * 2**(e - 15) near `scale`, m of 16 bits."""
    multiplier, shift = quantize_multiplier(scale)
    return _ONE_I16 if multiplier >= _ONE_I32 - (1 << 15) else (multiplier + (1 << 15)) >> 16, 31 - shift


def hard_swish_table(scale_in: float, zp_in: int, scale_out: float, zp_out: int) -> np.ndarray:
    """HARD_SWISH: x * clamp(x + 3, 0, 6) / 6 in 16-bit fixed point, 7 more bits than the codes have.

    Raises:
        ValueError: an output scale below 1/128 of the input's.
    """
    fine = np.float32(1 / 128) * np.float32(scale_in)
    out, exponent = _multiplier_i16(float(fine / np.float32(scale_out)))
    if exponent > 0:
        raise ValueError(f"output scale is {scale_out}, wanted at least 1/128 of the input's {scale_in}")
    relu, relu_exponent = _multiplier_i16(float(fine / (np.float32(3) / np.float32(32768))))
    x = (CODES - zp_in).astype(np.int64) << 7
    value = _high_i16(x, out)
    gate = np.clip(x << max(relu_exponent - 1, 0), -_ONE_I16 - 1, _ONE_I16)
    gate = _high_i16(gate, relu)
    if relu_exponent > 0:
        gate = np.clip(gate << 1, -_ONE_I16 - 1, _ONE_I16)
    gate = rounding_divide(gate, max(-relu_exponent, 0))
    product = ((gate + (1 << 15)) >> 1) * value
    towards_zero = np.where(product >= 0, product >> 15, -(-product >> 15))
    return _stored(rounding_divide(towards_zero, -exponent), zp_out)


def rsqrt_table(scale_in: float, zp_in: int, scale_out: float, zp_out: int) -> np.ndarray:
    """RSQRT: 1 / sqrt by five Newton steps; 0 gives the greatest code, and codes below the zero point have no value: the greatest too."""
    scale = 1.0 / float(np.sqrt(np.float32(scale_in)) * np.float32(scale_out))
    multiplier, shift = quantize_multiplier(scale)
    entries = []
    for x in (CODES - zp_in).tolist():
        if x <= 0:
            entries.append(127)
            continue
        root, exponent = _inverse_root(x)
        value = _by_multiplier(1, root, exponent + _RSQRT_BITS)
        entries.append(_by_multiplier(value, multiplier, 31 - shift - _RSQRT_BITS) + zp_out)
    return np.clip(entries, -128, 127).astype(np.int8)


_RSQRT_BITS = 20


def _by_multiplier(value: int, multiplier: int, exponent: int) -> int:
    """value * multiplier * 2**(exponent - 31), rounded twice."""
    high = int(multiply_high(np.array([value << max(exponent, 0)]), multiplier)[0])
    return int(rounding_divide(np.array([high]), max(-exponent, 0))[0])


def _inverse_root(value: int) -> tuple[int, int]:
    """(m, e) with 1 / sqrt(value) near m * 2**(e - 31)."""
    if value <= 1:
        return _ONE_I32, 0
    pairs = (32 - value.bit_length() - 1) // 2 - 1
    shift = 11 - pairs
    one = (value << 2 * pairs) >> 1

    def product(a: int, b: int) -> int:
        return int(multiply_high(np.array([a]), b)[0])

    def grown(a: int, bits: int) -> int:
        return min(max(a << bits, -_ONE_I32 - 1), _ONE_I32)

    half = int(rounding_divide(np.array([one]), 1)[0])
    three_halves, x = (1 << 28) + (1 << 27), 1 << 28
    for _ in range(5):
        cube = grown(product(product(x, x), x), 6)
        x = grown(product(three_halves, x) - product(half, cube), 3)
    x = product(x, 1518500250)
    if shift < 0:
        x, shift = x << -shift, 0
    return x, -shift


def power_of_two(scale: float) -> int | None:
    """The binary logarithm of a scale that TFLite takes for a power of two: one within a thousandth of a whole number, in single precision."""
    logarithm = np.log(np.float32(scale)) * np.float32(1 / np.log(np.float32(2)))
    whole = round(float(logarithm))
    return whole if abs(float(logarithm) - whole) < 1e-3 else None


def concatenation_table(scale_in: float, zp_in: int, scale_out: float, zp_out: int) -> np.ndarray:
    """CONCATENATION of uint8 codes with another scale than the result's, moved by 128: in single precision, halves away from zero."""
    codes = (CODES + 128).astype(np.float32)
    scale = np.float32(scale_in) * (np.float32(1) / np.float32(scale_out))
    y = codes * scale + np.float32(-(zp_in + 128)) * scale
    whole = np.trunc(y)
    return _stored((whole + np.where(np.abs(y - whole) >= 0.5, np.copysign(1.0, y), 0.0)).astype(np.int64), zp_out)
