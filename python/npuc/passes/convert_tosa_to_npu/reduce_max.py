# SPDX-License-Identifier: Apache-2.0
"""tosa.reduce_max of i8 and i16 -> npu.reduce_max."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.reduce_max",)


def convert(at: Tosa) -> ir.Value:
    if at.type().dtype not in ("i8", "i16"):
        return at.finish(at.make("integer_reduce", [at.value()], kind="max", axis=at.integer("axis")))
    return at.finish(at.make("reduce_max", [at.value()], axes=(at.integer("axis"),), keepdims=True))
