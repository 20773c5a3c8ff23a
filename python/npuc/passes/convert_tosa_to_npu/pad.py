# SPDX-License-Identifier: Apache-2.0
"""tosa.pad -> npu.pad; booleans pass through i8."""

from torch_mlir import ir

from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.pad",)


def convert(at: Tosa) -> ir.Value:
    if not at.type().shape:
        return at.finish(at.value())
    pads, value, boolean = at.shape(1, "padding"), at.number(2, "value of the border"), at.type().dtype == "i1"
    x = at.make("cast", [at.value()], TensorType((), "i8")) if boolean else at.value()
    y = at.make("pad", [x], pads=pads, value=value)
    return at.finish(at.make("cast", [y], TensorType((), "i1")) if boolean else y)
