# SPDX-License-Identifier: Apache-2.0
"""Between real values and integers, between integers of different scales, and what ends a program: the index of the greatest or least."""

import numpy as np

from npuc.frontend.tflite._graph import SHIFT, Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite.convolutions import check_types
from npuc.numerics.tflite import falling_table
from npuc.ops._checks import RANGES
from npuc.ops.argmax import Argmax
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.ops.cast import Cast
from npuc.ops.dequantize import Dequantize
from npuc.ops.quantize import Quantize
from npuc.ops.rescale import Rescale
from npuc.ops.select import Select
from npuc.ops.table import Table

# what a cast reads and gives
_INTEGERS = ("i1", "i8", "i16", "i32")


def quantize(g: Importer, op: FileOp) -> None:
    """Of real values on the host; of integers a rescale with double rounding."""
    x, y = op.inputs[0], op.outputs[0]
    source, result = g.tensor(x), g.tensor(y)
    if result.dtype not in ("i8", "i16"):
        raise g.refuse("element type of the result", found=g.file(y).dtype, wanted="int8, uint8 or int16")
    lo, hi = RANGES[result.dtype]
    if source.dtype == "f32":
        value = g.emit(Quantize, [g.value(x)], result, scale=g.scale(y), zp=g.zero_point(y), lo=lo, hi=hi, division=True)
    else:
        rescale = g.rescale([g.scale(x) / g.scale(y)], y, True)
        value = g.emit(Rescale, [g.value(x)], result, zp_x=g.zero_point(x), rescale=rescale)
    g.finish(value)


def dequantize(g: Importer, op: FileOp) -> None:
    """On the host."""
    x = op.inputs[0]
    g.finish(g.emit(Dequantize, [g.value(x)], scale=g.scale(x), zp=g.zero_point(x)))


def arg_max(g: Importer, op: FileOp) -> None:
    """ARG_MAX, ARG_MIN: the first of equals; the least is the greatest of the codes in the other order."""
    x, y = op.inputs[0], op.outputs[0]
    rank = len(g.tensor(x).shape)
    axis = int(g.constant(op.inputs[1]).reshape(-1)[0])
    if not -rank <= axis < rank:
        raise g.refuse("axis", found=axis, wanted=f"-{rank}..{rank - 1}")
    value = g.value(x)
    if op.kind == "ARG_MIN":
        check_types(g, x)
        value = g.emit(Table, [value, falling_table()])
    g.finish(g.emit(Argmax, [value], TensorType((), g.tensor(y).dtype), axis=axis % rank))


def cast(g: Importer, op: FileOp) -> None:
    """Of codes and integers as they stand, on the host."""
    x, y = op.inputs[0], op.outputs[0]
    known, source, result = g.known(x), g.file(x).dtype, g.file(y).dtype
    if known is not None and source != "ui8":
        g.fold(known.astype(NUMPY_DTYPES[g.tensor(y).dtype]))
    elif result == "f32" and source in ("i8", "ui8", "i16"):
        # bytes without a sign are moved by 128 inside
        g.finish(g.emit(Dequantize, [g.value(x)], scale=1.0, zp=-SHIFT if source == "ui8" else 0))
    elif result == "f32" and source == "i1":
        g.finish(g.emit(Select, [g.value(x), *(np.full((1,) * len(g.tensor(x).shape), answer, np.float32) for answer in (1, 0))]))
    elif source in _INTEGERS and result in (*_INTEGERS, "i64"):
        g.finish(g.emit(Cast, [g.value(x)], g.tensor(y)))
    else:
        wanted = "bool, int8, int16 and int32 to one another or to int64; bool, int8, uint8 and int16 to float32"
        raise g.refuse("element types of a cast", found=f"{source} to {result}", wanted=wanted)


CONVERTERS = {"QUANTIZE": quantize, "DEQUANTIZE": dequantize, "ARG_MAX": arg_max, "ARG_MIN": arg_max, "CAST": cast}
