# SPDX-License-Identifier: Apache-2.0
"""Pooling over windows, and reductions over whole dimensions."""

import math

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite._windows import pads_of
from npuc.frontend.tflite.convolutions import check_types
from npuc.numerics.rescale import Rescale
from npuc.numerics.tflite import falling_table, mean_multiplier
from npuc.ops._checks import ACTIVATIONS
from npuc.ops._elementwise import UNIT_SCALE
from npuc.ops.avg_pool2d import AvgPool2d
from npuc.ops.base import TensorType
from npuc.ops.integer_reduce import IntegerReduce
from npuc.ops.max_pool2d import MaxPool2d
from npuc.ops.mean import Mean
from npuc.ops.reduce_max import ReduceMax
from npuc.ops.reshape import Reshape
from npuc.ops.sum import Sum
from npuc.ops.table import Table


def _window(g: Importer, op: FileOp) -> dict:
    x = op.inputs[0]
    check_types(g, x, op.outputs[0], dtypes=ACTIVATIONS)
    kernel, strides = (g.option("FilterHeight"), g.option("FilterWidth")), (g.option("StrideH"), g.option("StrideW"))
    if len(g.tensor(x).shape) != 4 or min(kernel) < 1:
        raise g.refuse(
            "shape of the input and the window", found=(g.tensor(x).shape, kernel), wanted="four dimensions, a window of at least 1 x 1"
        )
    return {"kernel": kernel, "strides": strides, "pads": pads_of(g, g.tensor(x).shape[1:3], kernel, strides)}


def average_pool2d(g: Importer, op: FileOp) -> None:
    """Codes are averaged; halves away from zero in int8 and int16, up in uint8."""
    window = _window(g, op)
    lo, hi = g.bounds(op.outputs[0], g.option("FusedActivationFunction"))
    rounding = "half_up" if g.file(op.inputs[0]).dtype == "ui8" else "half_away"
    rescale = Rescale(UNIT_SCALE[:1], UNIT_SCALE[1:], lo=lo, hi=hi)
    g.finish(g.emit(AvgPool2d, [g.value(op.inputs[0])], rounding=rounding, rescale=rescale, **window))


def max_pool2d(g: Importer, op: FileOp) -> None:
    """The greatest code."""
    window = _window(g, op)
    lo, hi = g.bounds(op.outputs[0], g.option("FusedActivationFunction"))
    g.finish(g.emit(MaxPool2d, [g.value(op.inputs[0])], lo=lo, hi=hi, **window))


def axes_of(g: Importer, x: int, axes: int) -> tuple[int, ...]:
    """Constant axes, counted from the front, ascending, each once."""
    rank = len(g.tensor(x).shape)
    found = [int(axis) for axis in g.constant(axes).reshape(-1)]
    if any(not -rank <= axis < rank for axis in found):
        raise g.refuse("axes", found=found, wanted=f"-{rank}..{rank - 1}")
    return tuple(sorted({axis % rank for axis in found}))


def mean(g: Importer, op: FileOp) -> None:
    """The multiplier divided by the count, double rounding."""
    x = op.inputs[0]
    check_types(g, x, op.outputs[0], dtypes=ACTIVATIONS)
    axes = axes_of(g, x, op.inputs[1])
    count = math.prod(g.tensor(x).shape[axis] for axis in axes)
    scale = g.rescale([g.scale(x) / g.scale(op.outputs[0])], op.outputs[0], True)
    multiplier, shift = mean_multiplier(g.scale(x) / g.scale(op.outputs[0]), max(1, count))
    rescale = Rescale((multiplier,), (shift,), scale.zp_out, scale.lo, scale.hi, True)
    g.finish(g.emit(Mean, [g.value(x)], axes=axes, keepdims=bool(g.option("KeepDims", False)), zp_x=g.zero_point(x), rescale=rescale))


def sum_(g: Importer, op: FileOp) -> None:
    """SUM, double rounding."""
    x, y = op.inputs[0], op.outputs[0]
    check_types(g, x, y)
    rescale = g.rescale([g.scale(x) / g.scale(y)], y, True)
    keep = bool(g.option("KeepDims", False))
    g.finish(g.emit(Sum, [g.value(x)], axes=axes_of(g, x, op.inputs[1]), keepdims=keep, zp_x=g.zero_point(x), rescale=rescale))


def reduce_max(g: Importer, op: FileOp) -> None:
    """The greatest code."""
    x = op.inputs[0]
    g.finish(g.emit(ReduceMax, [g.value(x)], axes=axes_of(g, x, op.inputs[1]), keepdims=bool(g.option("KeepDims", False))))


def reduce_min(g: Importer, op: FileOp) -> None:
    """The least code: the greatest of the codes in the other order, between two tables; of int16 on the host, one axis after the other."""
    x = op.inputs[0]
    check_types(g, x, dtypes=ACTIVATIONS)
    value, axes, keep = g.value(x), axes_of(g, x, op.inputs[1]), bool(g.option("KeepDims", False))
    if g.tensor(x).dtype == "i8":
        value = g.emit(ReduceMax, [g.emit(Table, [value, falling_table()])], axes=axes, keepdims=keep)
        g.finish(g.emit(Table, [value, falling_table()]))
        return
    for axis in axes:
        value = g.emit(IntegerReduce, [value], kind="min", axis=axis)
    shape = tuple(extent for axis, extent in enumerate(g.tensor(x).shape) if axis not in axes)
    g.finish(value if keep else g.emit(Reshape, [value], TensorType(shape, g.tensor(x).dtype)))


CONVERTERS = {
    "AVERAGE_POOL_2D": average_pool2d, "MAX_POOL_2D": max_pool2d, "MEAN": mean, "SUM": sum_, "REDUCE_MAX": reduce_max, "REDUCE_MIN": reduce_min,
}  # fmt: skip
