# SPDX-License-Identifier: Apache-2.0
"""Softmax, and functions of one value."""

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite.convolutions import check_types
from npuc.ops.softmax import Softmax

_PROBABILITY = 1 / 256


def softmax(g: Importer, op: FileOp) -> None:
    """Over the last dimension, into codes of 1/256."""
    x, y = op.inputs[0], op.outputs[0]
    check_types(g, x, y)
    if (g.scale(y), g.zero_point(y)) != (_PROBABILITY, -128):
        raise g.refuse("quantization of the result", found=(g.scale(y), g.zero_point(y)), wanted="scale 1/256, zero point -128 (uint8: 0)")
    g.finish(g.emit(Softmax, [g.value(x)], scale=float(g.option("Beta")) * g.scale(x)))


CONVERTERS = {"SOFTMAX": softmax}
