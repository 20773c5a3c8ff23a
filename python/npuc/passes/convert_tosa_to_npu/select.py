# SPDX-License-Identifier: Apache-2.0
"""tosa.select -> npu.select."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.select",)


def convert(at: Tosa) -> ir.Value:
    return at.finish(at.make("select", at.values))
