# SPDX-License-Identifier: Apache-2.0
"""Softmax, and functions of one value: tables of 256 entries, or a rescale with bounds."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite.convolutions import check_types
from npuc.numerics import tflite as numerics
from npuc.numerics import tflite_wide as wide
from npuc.numerics.functions import sigmoid
from npuc.ops._checks import ACTIVATIONS
from npuc.ops._elementwise import UNIT_SCALE
from npuc.ops.add import Add
from npuc.ops.clamp import Clamp
from npuc.ops.mul import Mul
from npuc.ops.rescale import Rescale
from npuc.ops.softmax import Softmax
from npuc.ops.table import Table

_PROBABILITY = 1 / 256


def softmax(g: Importer, op: FileOp) -> None:
    """Over the last dimension, into codes of 1/256; of int16 into codes of 1/32768."""
    x, y = op.inputs[0], op.outputs[0]
    check_types(g, x, y, dtypes=ACTIVATIONS)
    if g.tensor(x).dtype == "i8" and (g.scale(y), g.zero_point(y)) != (_PROBABILITY, -128):
        raise g.refuse("quantization of the result", found=(g.scale(y), g.zero_point(y)), wanted="scale 1/256, zero point -128 (uint8: 0)")
    g.finish(g.emit(Softmax, [g.value(x)], scale=float(g.option("Beta")) * g.scale(x)))


# tables --------------------------------------------------------------------------------------------


def _table(g: Importer, op: FileOp, entries: Callable[[float, int, float, int], np.ndarray]) -> None:
    x, y = op.inputs[0], op.outputs[0]
    check_types(g, x, y)
    try:
        found = entries(g.scale(x), g.zero_point(x), g.scale(y), g.zero_point(y))
    except ValueError as error:
        raise g.refuse("scales of the operator", found=str(error), wanted="") from error
    g.finish(g.emit(Table, [g.value(x), found]))


def _exp(x: np.ndarray) -> np.ndarray:
    """In f64, rounded once to f32."""
    return np.exp(x.astype(np.float64)).astype(np.float32)


def _wide(g: Importer, op: FileOp, entries: Callable[[float, float], np.ndarray]) -> None:
    """A table of 16-bit codes, which have no zero points."""
    x, y = op.inputs[0], op.outputs[0]
    check_types(g, x, y, dtypes=("i16",))
    g.finish(g.emit(Table, [g.value(x), entries(g.scale(x), g.scale(y))]))


def _gelu(x: np.ndarray) -> np.ndarray:
    return np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x])


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


_REAL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "LOGISTIC": sigmoid, "TANH": np.tanh, "EXP": np.exp, "LOG": np.log, "ELU": lambda x: np.where(x < 0, np.expm1(x), x),
}  # fmt: skip
# what is fixed for the results of a function, inside npuc
_FIXED = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}


def real(g: Importer, op: FileOp) -> None:
    """LOGISTIC, TANH, EXP, LOG, ELU: from the real function."""
    y = op.outputs[0]
    if g.file(op.inputs[0]).dtype == "i16":
        _wide(g, op, _wide_entries(g, op))
        return
    fixed = _FIXED.get(op.kind)
    if fixed is not None and g.file(op.inputs[0]).dtype == "i8" and (g.scale(y), g.zero_point(y)) != fixed:
        raise g.refuse("quantization of the result", found=(g.scale(y), g.zero_point(y)), wanted=f"scale {fixed[0]}, zero point {fixed[1]}")
    _table(g, op, lambda *scales: numerics.float_table(_REAL[op.kind], *scales))


def _wide_entries(g: Importer, op: FileOp) -> Callable[[float, float], np.ndarray]:
    if op.kind == "EXP":
        return lambda scale_in, scale_out: wide.function_table(_exp, scale_in, scale_out)
    fixed = {"LOGISTIC": wide.logistic_table, "TANH": wide.tanh_table}.get(op.kind)
    if fixed is None:
        raise g.refuse("element type", found="i16", wanted="int8 or uint8")
    if g.scale(op.outputs[0]) != 1 / 32768:
        raise g.refuse("quantization of the result", found=g.scale(op.outputs[0]), wanted="scale 1/32768")
    return lambda scale_in, _: fixed(scale_in)


def gelu(g: Importer, op: FileOp) -> None:
    """GELU, exact or by tanh."""
    function = _gelu_tanh if g.option("Approximate", False) else _gelu
    _table(g, op, lambda *scales: numerics.float_table(function, *scales))


def leaky_relu(g: Importer, op: FileOp) -> None:
    """LEAKY_RELU."""
    alpha = float(g.option("Alpha"))
    if not math.isfinite(alpha) or alpha < 0:
        raise g.refuse("alpha", found=alpha, wanted="finite and at least 0")
    if g.file(op.inputs[0]).dtype == "i16":
        _wide(g, op, lambda scale_in, scale_out: wide.leaky_relu_table(scale_in, scale_out, alpha))
        return
    _table(g, op, lambda *scales: numerics.leaky_relu_table(*scales, alpha))


def neg(g: Importer, op: FileOp) -> None:
    """NEG of codes, which wrap."""
    if g.file(op.inputs[0]).dtype != "i8":
        raise g.refuse("element type", found=g.file(op.inputs[0]).dtype, wanted="int8")
    _table(g, op, lambda *_: numerics.neg_table())


def fixed_point(table: Callable[[float, int, float, int], np.ndarray]) -> Callable[[Importer, FileOp], None]:
    """An operator whose table TFLite computes in integers."""
    return lambda g, op: _table(g, op, table)


def absolute(g: Importer, op: FileOp) -> None:
    """ABS."""
    if g.file(op.inputs[0]).dtype == "i16":
        _wide(g, op, wide.abs_table)
    else:
        _table(g, op, numerics.abs_table)


# bounds --------------------------------------------------------------------------------------------


def relu(activation: int) -> Callable[[Importer, FileOp], None]:
    """RELU, RELU6, RELU_N1_TO_1: a rescale with bounds, double rounding."""

    def convert(g: Importer, op: FileOp) -> None:
        x, y = op.inputs[0], op.outputs[0]
        check_types(g, x, y, dtypes=ACTIVATIONS)
        rescale = g.rescale([float(np.float32(g.scale(x)) / np.float32(g.scale(y)))], y, True, activation)
        g.finish(g.emit(Rescale, [g.value(x)], g.tensor(y), zp_x=g.zero_point(x), rescale=rescale))

    return convert


def prelu(g: Importer, op: FileOp) -> None:
    """The part from the zero point up, rescaled, plus the part below times alpha: one of the two is always 0."""
    x, alpha, y = op.inputs[0], op.inputs[1], op.outputs[0]
    check_types(g, x, alpha, y)
    zero_in, zero_out = g.zero_point(x), g.zero_point(y)
    whole = g.rescale([g.scale(x) / g.scale(y)], y, True)
    upper = g.emit(Rescale, [g.value(x)], g.tensor(x), zp_x=zero_in, rescale=replace(whole, lo=zero_out))
    below = g.emit(Clamp, [g.value(x)], hi=zero_in)
    factor = float(np.float32(g.scale(x)) * np.float32(g.scale(alpha)) / np.float32(g.scale(y)))
    lower = g.emit(Mul, [below, g.value(alpha)], zp_a=zero_in, zp_b=g.zero_point(alpha), rescale=g.rescale([factor], y, True))
    same = replace(whole, multiplier=UNIT_SCALE[:1], shift=UNIT_SCALE[1:], double_round=False)
    g.finish(g.emit(Add, [upper, lower], zp_a=zero_out, zp_b=zero_out, scale_a=UNIT_SCALE, scale_b=UNIT_SCALE, rescale=same))


CONVERTERS = {
    "SOFTMAX": softmax, "LOGISTIC": real, "TANH": real, "EXP": real, "LOG": real, "ELU": real, "GELU": gelu, "LEAKY_RELU": leaky_relu,
    "HARD_SWISH": fixed_point(numerics.hard_swish_table), "ABS": absolute, "SQRT": fixed_point(numerics.sqrt_table),
    "RSQRT": fixed_point(numerics.rsqrt_table), "NEG": neg, "RELU": relu(1), "RELU_N1_TO_1": relu(2), "RELU6": relu(3), "PRELU": prelu,
}  # fmt: skip
