# SPDX-License-Identifier: Apache-2.0
"""tosa.reverse -> npu.reverse."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.reverse",)


def convert(at: Tosa) -> ir.Value:
    return at.finish(at.make("reverse", [at.value()], axis=at.integer("axis")))
