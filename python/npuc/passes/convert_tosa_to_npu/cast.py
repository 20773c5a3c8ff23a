# SPDX-License-Identifier: Apache-2.0
"""tosa.cast -> npu.cast."""

from torch_mlir import ir

from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.cast",)


def convert(at: Tosa) -> ir.Value:
    return at.finish(at.make("cast", [at.value()], TensorType((), at.result.dtype)))
