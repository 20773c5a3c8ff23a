# SPDX-License-Identifier: Apache-2.0
"""tosa.scatter -> npu.scatter."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.scatter",)


def convert(at: Tosa) -> ir.Value:
    return at.finish(at.make("scatter", at.values))
