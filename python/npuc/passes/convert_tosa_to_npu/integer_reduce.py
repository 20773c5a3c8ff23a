# SPDX-License-Identifier: Apache-2.0
"""tosa.reduce_min, reduce_sum, reduce_all, reduce_any -> npu.integer_reduce."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.reduce_min", "tosa.reduce_sum", "tosa.reduce_all", "tosa.reduce_any")


def convert(at: Tosa) -> ir.Value:
    return at.finish(at.make("integer_reduce", [at.value()], kind=at.name.removeprefix("reduce_"), axis=at.integer("axis")))
