# SPDX-License-Identifier: Apache-2.0
"""Between real values and integers, between integers of different scales, and what ends a program: the index of the greatest."""

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.ops._checks import RANGES
from npuc.ops.argmax import Argmax
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.ops.cast import Cast
from npuc.ops.dequantize import Dequantize
from npuc.ops.quantize import Quantize
from npuc.ops.rescale import Rescale


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
    """The first of equals, on the host."""
    x, y = op.inputs[0], op.outputs[0]
    rank = len(g.tensor(x).shape)
    axis = int(g.constant(op.inputs[1]).reshape(-1)[0])
    if not -rank <= axis < rank:
        raise g.refuse("axis", found=axis, wanted=f"-{rank}..{rank - 1}")
    g.finish(g.emit(Argmax, [g.value(x)], TensorType((), g.tensor(y).dtype), axis=axis % rank))


def cast(g: Importer, op: FileOp) -> None:
    """Of codes and integers as they stand, on the host."""
    x, y = op.inputs[0], op.outputs[0]
    known = g.known(x)
    if known is not None and g.file(x).dtype != "ui8":
        g.fold(known.astype(NUMPY_DTYPES[g.tensor(y).dtype]))
        return
    for index in (x, y):
        if g.file(index).dtype not in ("i1", "i8", "i16", "i32"):
            raise g.refuse("element types of a cast", found=f"{g.file(x).dtype} to {g.file(y).dtype}", wanted="bool, int8, int16 and int32")
    g.finish(g.emit(Cast, [g.value(x)], g.tensor(y)))


CONVERTERS = {"QUANTIZE": quantize, "DEQUANTIZE": dequantize, "ARG_MAX": arg_max, "CAST": cast}
