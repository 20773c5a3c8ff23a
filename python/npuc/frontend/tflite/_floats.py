# SPDX-License-Identifier: Apache-2.0
"""Operators whose result is float32, on the host: what a network has before it is quantized and after it is real again.

Sums, products, comparisons and roots have the bits of LiteRT's kernels; exponentials and what adds many values up are within a few units in
the last place, because LiteRT adds in single precision in an order of its own.
"""

from collections.abc import Callable

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.frontend.tflite._graph import QUANTIZE_WHOLE, Converter, Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite.pooling import axes_of
from npuc.ops.base import TensorType
from npuc.ops.float_binary import FloatBinary
from npuc.ops.float_log_softmax import FloatLogSoftmax
from npuc.ops.float_matmul import FloatMatmul
from npuc.ops.float_reduce import FloatReduce
from npuc.ops.float_softmax import FloatSoftmax
from npuc.ops.float_unary import FloatUnary
from npuc.ops.reshape import Reshape
from npuc.ops.transpose import Transpose

# fused activation, by its number in the schema -> least and greatest value
_ACTIVATIONS = {0: None, 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}


def _reals(g: Importer, *indices: int) -> list[ir.Value]:
    """The operands, all float32.

    Raises:
        UnsupportedOp: codes among them, as dynamic-range quantization has.
    """
    for index in indices:
        if g.tensor(index).dtype != "f32":
            raise g.refuse(
                "an operator computes in float32 or in integers, not in both", found=f"{g.file(index).dtype} of '{g.file(index).name}'",
                wanted="all float32, or all quantized", advice=QUANTIZE_WHOLE,
            )  # fmt: skip
    return [g.value(index) for index in indices]


def _unary(g: Importer, value: ir.Value, kind: str, *arguments: float) -> ir.Value:
    return g.emit(FloatUnary, [value], kind=kind, arguments=tuple(float(one) for one in arguments))


def _activated(g: Importer, value: ir.Value) -> ir.Value:
    """`value` behind the operator's fused activation."""
    number = g.option("FusedActivationFunction", 0)
    if number not in _ACTIVATIONS:
        raise g.refuse("fused activation", found=number, wanted="none, RELU, RELU_N1_TO_1 or RELU6")
    bounds = _ACTIVATIONS[number]
    return value if bounds is None else _unary(g, value, "clamp", *bounds)


def binary(kind: str) -> Converter:
    """Of two tensors that broadcast."""

    def convert(g: Importer, op: FileOp) -> None:
        g.finish(_activated(g, g.emit(FloatBinary, _reals(g, *op.inputs), kind=kind)))

    return convert


def squared_difference(g: Importer, op: FileOp) -> None:
    """(a - b) * (a - b)."""
    difference = g.emit(FloatBinary, _reals(g, *op.inputs), kind="sub")
    g.finish(g.emit(FloatBinary, [difference, difference], kind="mul"))


def unary(kind: str, *arguments: float) -> Converter:
    """Of each element."""

    def convert(g: Importer, op: FileOp) -> None:
        g.finish(_unary(g, _reals(g, op.inputs[0])[0], kind, *arguments))

    return convert


def leaky_relu(g: Importer, op: FileOp) -> None:
    """The slope is an option."""
    g.finish(_unary(g, _reals(g, op.inputs[0])[0], "leaky_relu", g.option("Alpha")))


def gelu(g: Importer, op: FileOp) -> None:
    """By the error function, or approximated by tanh."""
    g.finish(_unary(g, _reals(g, op.inputs[0])[0], "gelu_tanh" if g.option("Approximate", False) else "gelu"))


def softmax(g: Importer, op: FileOp) -> None:
    """Over the last dimension, of beta * x."""
    (value,) = _reals(g, op.inputs[0])
    beta = float(g.option("Beta"))
    value = value if beta == 1.0 else _unary(g, value, "mul_scalar", beta)
    g.finish(g.emit(FloatSoftmax, [value], axis=len(g.tensor(op.inputs[0]).shape) - 1))


def log_softmax(g: Importer, op: FileOp) -> None:
    """Over the last dimension."""
    g.finish(g.emit(FloatLogSoftmax, _reals(g, op.inputs[0]), axis=len(g.tensor(op.inputs[0]).shape) - 1))


def reduction(kind: str) -> Converter:
    """Along constant axes."""

    def convert(g: Importer, op: FileOp) -> None:
        value = g.emit(FloatReduce, _reals(g, op.inputs[0]), kind=kind, axes=axes_of(g, op.inputs[0], op.inputs[1]))
        g.finish(_shaped(g, value, g.tensor(op.outputs[0])))

    return convert


def fully_connected(g: Importer, op: FileOp) -> None:
    """Rows of as many values as the weights have columns, whatever the input's shape."""
    x, w = op.inputs[:2]
    value, weights = _reals(g, x, w)
    depth = g.tensor(w).shape[-1]
    value = _shaped(g, value, TensorType((g.tensor(x).elements // max(1, depth), depth), "f32"))
    value = g.emit(FloatMatmul, [value, weights], transpose_b=True)
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        value = g.emit(FloatBinary, [value, *_reals(g, op.inputs[2])], kind="add")
    g.finish(_shaped(g, _activated(g, value), g.tensor(op.outputs[0])))


def batch_matmul(g: Importer, op: FileOp) -> None:
    """Products of matrices of one rank."""
    a, b = _reals(g, *op.inputs)
    rank = len(g.tensor(op.inputs[0]).shape)
    if g.option("AdjX", False):
        a = g.emit(Transpose, [a], perm=(*range(rank - 2), rank - 1, rank - 2))
    g.finish(g.emit(FloatMatmul, [a, b], transpose_b=bool(g.option("AdjY", False))))


def _shaped(g: Importer, value: ir.Value, wanted: TensorType) -> ir.Value:
    return value if tensor_type(value.type) == wanted else g.emit(Reshape, [value], wanted)


CONVERTERS: dict[str, Callable[[Importer, FileOp], None]] = {
    "ABS": unary("abs"),
    "ADD": binary("add"),
    "BATCH_MATMUL": batch_matmul,
    "CEIL": unary("ceil"),
    "COS": unary("cos"),
    "DIV": binary("div"),
    "ELU": unary("elu", 1.0, 1.0, 1.0),
    "EXP": unary("exp"),
    "FLOOR": unary("floor"),
    "FULLY_CONNECTED": fully_connected,
    "GELU": gelu,
    "HARD_SWISH": unary("hardswish"),
    "LEAKY_RELU": leaky_relu,
    "LOG": unary("log"),
    "LOGISTIC": unary("sigmoid"),
    "LOG_SOFTMAX": log_softmax,
    "MAXIMUM": binary("maximum"),
    "MEAN": reduction("mean"),
    "MINIMUM": binary("minimum"),
    "MUL": binary("mul"),
    "NEG": unary("neg"),
    "POW": binary("pow"),
    "REDUCE_MAX": reduction("max"),
    "REDUCE_MIN": reduction("min"),
    "REDUCE_PROD": reduction("prod"),
    "RELU": unary("relu"),
    "RELU6": unary("relu6"),
    "RELU_N1_TO_1": unary("clamp", -1.0, 1.0),
    "ROUND": unary("round"),
    "RSQRT": unary("rsqrt"),
    "SIN": unary("sin"),
    "SOFTMAX": softmax,
    "SQRT": unary("sqrt"),
    "SQUARE": unary("square"),
    "SQUARED_DIFFERENCE": squared_difference,
    "SUB": binary("sub"),
    "SUM": reduction("sum"),
    "TANH": unary("tanh"),
}
