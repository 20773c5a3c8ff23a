# SPDX-License-Identifier: Apache-2.0
"""The integer softmax of TFLite's reference kernels: fixed point throughout, equal to the bit.

    e[c]  = exp_table[max - x[c]]                       31 fractional bits
    s     = sum over c of round(e[c] / 2**12)           19 fractional bits
    y[c]  = clamp(round(e[c] * (1 / s) * 256) - 128)    scale 1/256, zero point -128

A value in Q(n) has n integer bits, 31 - n fractional bits and a sign in 32 bits.
"""

import math

import numpy as np

SCALED_DIFF_INTEGER_BITS = 5
ACCUMULATION_INTEGER_BITS = 12

_ONE = (1 << 31) - 1


def rounding_divide(values: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """values / 2**exponent, halves away from zero, i64; exponent >= 0 broadcasts."""
    wide = values.astype(np.int64)
    mask = (np.int64(1) << exponent) - 1
    return (wide >> exponent) + ((wide & mask) > (mask >> 1) + (wide < 0))


def multiply_high(left: np.ndarray, right: np.ndarray | int) -> np.ndarray:
    """round(left * right / 2**31) of i32 values, halves towards +infinity; -2**31 * -2**31 saturates. i64."""
    product = left.astype(np.int64) * right
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    return np.minimum(np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31)), _ONE)


def _saturate(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -(1 << 31), _ONE)


def _exp_near_zero(a: np.ndarray) -> np.ndarray:
    """e**a for a in [-1/4, 0), Q(0) in and out: a Taylor polynomial around -1/8."""
    exp_minus_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = multiply_high(x, x)
    x3 = multiply_high(x2, x)
    x4 = multiply_high(x2, x2)
    tail = rounding_divide(multiply_high(rounding_divide(x4, 2) + x3, third) + x2, 1)
    return exp_minus_eighth + multiply_high(x + tail, exp_minus_eighth)


def exp_on_negative_values(a: np.ndarray) -> np.ndarray:
    """e**a for a <= 0 in Q(5), the result in Q(0), i64."""
    fractional_bits = 31 - SCALED_DIFF_INTEGER_BITS
    quarter = 1 << (fractional_bits - 2)
    near = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(near << SCALED_DIFF_INTEGER_BITS)
    remainder = near - a
    # the rest is a sum of powers of two: one factor e**-(2**power) each
    for power in range(-2, SCALED_DIFF_INTEGER_BITS):
        factor = round(math.exp(-(2.0**power)) * (1 << 31))
        chosen = (remainder & (1 << (fractional_bits + power))) != 0
        result = np.where(chosen, multiply_high(result, factor), result)
    return np.where(a == 0, _ONE, result)


def exp_table(scale: float) -> np.ndarray:
    """i32 [256]: entry d is e**(-d * scale) with 31 fractional bits, 0 where TFLite takes the difference for too far.

    Args:
        scale: beta times the input's scale.

    Raises:
        ValueError: the scale is not positive and finite.
    """
    if not math.isfinite(scale) or scale <= 0:
        raise ValueError(f"softmax scale is {scale!r}, wanted a positive finite value")
    real = min(scale * (1 << (31 - SCALED_DIFF_INTEGER_BITS)), float(_ONE))
    mantissa, left_shift = math.frexp(real)
    multiplier = math.floor(mantissa * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, left_shift = multiplier >> 1, left_shift + 1
    difference = -np.arange(256, dtype=np.int64)
    # below 1 the reference's shift is negative: it divides after the product
    if left_shift >= 0:
        scaled = multiply_high(_saturate(difference << left_shift), multiplier)
    else:
        scaled = rounding_divide(multiply_high(difference, multiplier), -left_shift)
    reach = ((1 << SCALED_DIFF_INTEGER_BITS) - 1) * 2.0 ** (31 - SCALED_DIFF_INTEGER_BITS) / 2.0**left_shift
    return np.where(difference >= -math.floor(reach), exp_on_negative_values(scaled), 0).astype(np.int32)


def row_reciprocal(row_sum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / row_sum for positive i32 in Q(12): (r, b) with 1 / sum = r * 2**-b, r in Q(0); both i64.

    r approximates 1 / (1 + x) for the sum's mantissa 1 + x by three Newton steps from 48/17 - 32/17 d.
    """
    value = np.maximum(row_sum.astype(np.int64), 1)
    # leading zeros of 32 bits; frexp of an integer below 2**53 is exact
    headroom = 32 - np.frexp(value.astype(np.float64))[1].astype(np.int64)
    bits_over_unit = ACCUMULATION_INTEGER_BITS - headroom
    mantissa = (value << headroom) - (1 << 31)

    half_denominator = (mantissa + _ONE + 1) >> 1
    x = 1515870810 + multiply_high(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - multiply_high(half_denominator, x)
        x = x + _saturate(multiply_high(x, error) << 2)
    return _saturate(x << 1), bits_over_unit


def softmax_norm(exps: np.ndarray, row_sum: np.ndarray) -> np.ndarray:
    """i8 [..., C] from exponentials i32 [..., C] and their sum i32 [..., 1]."""
    reciprocal, bits_over_unit = row_reciprocal(row_sum)
    unsaturated = rounding_divide(multiply_high(exps.astype(np.int64), reciprocal), bits_over_unit + 31 - 8)
    return np.clip(unsaturated - 128, -128, 127).astype(np.int8)
