# SPDX-License-Identifier: Apache-2.0
"""Sigmoid and tanh of 16-bit fixed-point numbers as TFLite's LSTM computes them, tables over all 65536 codes; exact to the bit.

A number in Q(n) has n integer bits, 15 - n fractional bits and a sign. The method is that of `npuc.numerics.softmax`, in 16 bits:
an exponential from factors, then a division by Newton steps. Formulas: gemmlowp's fixedpoint library.
"""

import functools
import math

import numpy as np

from npuc.numerics.softmax import rounding_divide

CODES = np.arange(-(1 << 15), 1 << 15, dtype=np.int64)
_LOW, _HIGH = -(1 << 15), (1 << 15) - 1


def _wrapped(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int16).astype(np.int64)


def _saturated(values: np.ndarray) -> np.ndarray:
    return np.clip(values, _LOW, _HIGH)


def _product(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """round(a * b / 2**15), halves away from zero on the negative side; -1 * -1 saturates."""
    nudged = a * b
    nudged = nudged + np.where(nudged >= 0, 1 << 14, 1 - (1 << 14))
    return np.minimum(np.where(nudged >= 0, nudged >> 15, -(-nudged >> 15)), _HIGH)


def _constant(real: float, integer_bits: int = 0) -> int:
    """A real number in Q(integer_bits), from its 32-bit form."""
    wide = round(real * (1 << (31 - integer_bits)))
    return min((wide + (1 << 15)) >> 16, _HIGH)


def _exp_near_zero(a: np.ndarray) -> np.ndarray:
    """e**a for a in [-1/4, 0), Q(0) in and out."""
    term = _constant(math.exp(-1 / 8))
    x = _wrapped(a + (1 << 12))
    x2 = _product(x, x)
    x3 = _product(x2, x)
    x4 = _product(x2, x2)
    tail = rounding_divide(_wrapped(_product(_wrapped(rounding_divide(x4, 2) + x3), _constant(1 / 3)) + x2), 1)
    return _saturated(term + _product(_wrapped(x + tail), term))


def _exp_on_negative(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """e**a for a <= 0 in Q(integer_bits), the result in Q(0)."""
    fractional_bits = 15 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    near = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_saturated(near << integer_bits))
    rest = _wrapped(near - a)
    for power in range(-2, min(integer_bits, 5)):
        chosen = (rest & (1 << (fractional_bits + power))) != 0
        result = np.where(chosen, _product(result, _constant(math.exp(-(2.0**power)))), result)
    if integer_bits > 5:
        result = np.where(a < -(1 << (20 - integer_bits)), 0, result)
    return np.where(a == 0, _HIGH, result)


def _inverse(a: np.ndarray) -> tuple[np.ndarray, int]:
    """2 / (1 + a) for a in [0, 1] in Q(0), the result in Q(2), and how much of it is 1."""
    total = a + _HIGH
    half = (total + np.where(total >= 0, 1, -1)) // 2
    x = _wrapped(_constant(48 / 17, 2) + _product(half, _constant(-32 / 17, 2)))
    one = 1 << 13
    for _ in range(3):
        x = _wrapped(x + _saturated(_product(x, _wrapped(one - _product(half, x))) << 2))
    return x, one


@functools.cache
def logistic_table() -> np.ndarray:
    """i16 [65536]: 1 / (1 + exp(-x)), x in Q(3), the result in Q(0)."""
    size = np.where(CODES > 0, CODES, _wrapped(-CODES))
    inverse, _ = _inverse(_exp_on_negative(_wrapped(-size), 3))
    above = _saturated(inverse << 1)
    return np.where(CODES == 0, 1 << 14, np.where(CODES > 0, above, _HIGH - above)).astype(np.int16)


@functools.cache
def tanh_table(integer_bits: int) -> np.ndarray:
    """i16 [65536]: tanh of x in Q(integer_bits), the result in Q(0)."""
    negative = np.where(CODES < 0, CODES, _wrapped(-CODES))
    inverse, one = _inverse(_exp_on_negative(negative, integer_bits + 1))
    value = _saturated(_wrapped(inverse - one) << 2)
    return np.where(CODES == 0, 0, np.where(CODES < 0, _wrapped(-value), value)).astype(np.int16)
