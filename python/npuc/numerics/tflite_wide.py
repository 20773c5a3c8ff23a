# SPDX-License-Identifier: Apache-2.0
"""TFLite's functions of 16-bit codes, as tables over all 65536 of them: checked against LiteRT's BUILTIN_REF kernels to the bit.

Sigmoid and tanh interpolate in 256 samples of sigmoid, whatever the scale; other functions in 513 samples over the codes' whole range.
"""

from collections.abc import Callable

import numpy as np

from npuc.numerics.functions import sigmoid
from npuc.numerics.rescale import scale_values
from npuc.numerics.tflite import power_of_two, quantize_multiplier, scaled

CODES = np.arange(-(1 << 15), 1 << 15)
LOW, HIGH = -(1 << 15), (1 << 15) - 1
STEPS = 512
# a step of a table is 128 codes
_STEP_BITS = 7

# sigmoid and tanh -----------------------------------------------------------------------------------



def _sampled(i: np.ndarray) -> np.ndarray:
    return 65536 * sigmoid(i / 24)


_I = np.arange(256)
# sigmoid(i / 24) with 16 fractional bits, raised by half of what a straight line to the next sample lacks in its middle
_SAMPLES = np.floor(_sampled(_I) + (_sampled(_I + 0.5) - (_sampled(_I) + _sampled(_I + 1)) / 2) / 2 + 0.5).astype(np.int64)
# the last one leads over to what is beyond
_SAMPLES[-1] = 65535
# codes per unit where the samples have 3 integer bits
_UNITS = 4096


def _position(scale_in: float, powers: tuple[int, ...]) -> np.ndarray:
    """Codes brought to steps of 1 / (3 * 4096): exact where 4096 times the scale is one of these powers of two, else by 15 bits."""
    exponent = power_of_two(scale_in * _UNITS)
    if exponent in powers:
        return CODES * (3 << exponent)
    multiplier, shift = scale_in * _UNITS * 3, 0
    while multiplier <= HIGH / 2 and shift <= 30:
        shift, multiplier = shift + 1, multiplier * 2
    return (CODES * int(multiplier) + ((1 << shift) >> 1)) >> shift


def _interpolated(position: np.ndarray, bits: int) -> np.ndarray:
    """sigmoid between the samples `2**bits` positions apart, with 16 + bits fractional bits."""
    index = np.minimum(position >> bits, 254)
    low = _SAMPLES[index]
    return (low << bits) + (position & ((1 << bits) - 1)) * (_SAMPLES[index + 1] - low)


def logistic_table(scale_in: float) -> np.ndarray:
    """i16 [65536]: LOGISTIC, the result with 15 fractional bits."""
    position = _position(scale_in, (0,))
    size = np.abs(position)
    value = np.where(size >> 9 >= 255, 0x7FFF << 10, _interpolated(size, 9))
    value = np.where(position >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1)
    return (value >> 10).astype(np.int16)


def tanh_table(scale_in: float) -> np.ndarray:
    """i16 [65536]: TANH, 2 * sigmoid(2 * x) - 1, the result with 15 fractional bits."""
    position = _position(scale_in, (0, 1))
    size = np.abs(position)
    value = np.where(size >> 8 >= 255, 0xFFFF << 8, _interpolated(size, 8))
    value = np.where(position >= 0, value - (1 << 23) + (1 << 7), -value + (1 << 23) + (1 << 7) - 1)
    return (value >> 8).astype(np.int16)


# tables of 513 samples ------------------------------------------------------------------------------


def _round(x: np.ndarray) -> np.ndarray:
    """Halves away from zero."""
    return np.trunc(x) + np.where(np.abs(x - np.trunc(x)) >= 0.5, np.copysign(1, x), 0)


def samples(function: Callable[[np.ndarray], np.ndarray], low: float, high: float, out_low: float, out_high: float, real: type) -> np.ndarray:
    """i64 [513]: codes of `function` at the ends of 512 steps over low..high, moved by half the error in the middle of a step.

    Args:
        out_low, out_high: what the least and the greatest code stand for.
        real: float type that all of it is computed in.
    """
    first, last = real(low), real(high)
    step = (last - first) / real(STEPS)
    units = real(1 << 16) / (real(out_high) - real(out_low))
    index = np.arange(STEPS).astype(real)
    start = function(first + index * step) * units
    middle = function(first + index * step + step / real(2)) * units
    end = function(first + (index + real(1)) * step) * units
    error = _round((end + _round(start)) / real(2)) - _round(middle)
    found = np.concatenate([_round(start) - _round(error / real(2)), _round(function(np.array([last])) * units)])
    return np.clip(found, LOW, HIGH).astype(np.int64)


def looked_up(values: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Linear between the samples, halves up; values and result are 16-bit codes, i64."""
    index = (values >> _STEP_BITS) + STEPS // 2
    base = entries[index]
    return base + (((entries[index + 1] - base) * (values & ((1 << _STEP_BITS) - 1)) + (1 << (_STEP_BITS - 1))) >> _STEP_BITS)


def function_table(function: Callable[[np.ndarray], np.ndarray], scale_in: float, scale_out: float) -> np.ndarray:
    """i16 [65536]: a function of real values between codes without zero points, sampled in single precision."""
    entries = samples(function, scale_in * LOW, scale_in * HIGH, scale_out * LOW, scale_out * HIGH, np.float32)
    return looked_up(CODES, entries).astype(np.int16)


def leaky_relu_table(scale_in: float, scale_out: float, alpha: float) -> np.ndarray:
    """i16 [65536]: LEAKY_RELU, one factor from 0 up, another below."""
    below = float(np.float32(scale_in) * np.float32(alpha) / np.float32(scale_out))
    above = float(np.float32(scale_in) / np.float32(scale_out))
    return np.clip(np.where(CODES >= 0, scaled(CODES, above), scaled(CODES, below)), LOW, HIGH).astype(np.int16)


def abs_table(scale_in: float, scale_out: float) -> np.ndarray:
    """i16 [65536]: ABS, rescaled only where the scales differ."""
    size = np.abs(CODES)
    return np.clip(size if scale_in == scale_out else scaled(size, scale_in / scale_out), LOW, HIGH).astype(np.int16)


# softmax --------------------------------------------------------------------------------------------

# the exponential is looked up over -10..0: 65536 codes
_REACH = 10.0
_TOP = 1 << 15


def _unit_samples(function: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> np.ndarray:
    return samples(function, low, high, -1.0, 1.0, np.float64)


def softmax(x: np.ndarray, scale: float) -> np.ndarray:
    """i16 [..., C] with 15 fractional bits over the last dimension of i16 [..., C].

    Args:
        scale: beta times the input's scale.
    """
    wide = x.astype(np.int64)
    multiplier, shift = quantize_multiplier(scale / (_REACH / 65535.0))
    difference = wide - wide.max(axis=-1, keepdims=True)
    scaled = scale_values(difference, np.array([multiplier]), np.array([shift]), True)
    exps = looked_up(np.clip(scaled + HIGH, LOW, HIGH), _unit_samples(np.exp, -_REACH, 0.0))
    total = exps.sum(axis=-1, keepdims=True)
    # the sum as 1 + f of a power of two, f in 16 bits around its middle
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    fraction = (((total << (headroom - 1)) + (1 << 13)) >> 14) - (_TOP + (1 << 16))
    reciprocal = looked_up(np.clip(fraction, LOW, HIGH), _unit_samples(lambda f: 1.0 / (1.0 + f), 0.0, 1.0))
    right = 31 - headroom
    return np.clip((exps * reciprocal + (np.int64(1) << (right - 1))) >> right, 0, HIGH).astype(np.int16)
