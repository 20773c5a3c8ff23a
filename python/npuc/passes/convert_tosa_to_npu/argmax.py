# SPDX-License-Identifier: Apache-2.0
"""tosa.argmax -> npu.argmax."""

from torch_mlir import ir

from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.argmax",)


def convert(at: Tosa) -> ir.Value:
    return at.finish(at.make("argmax", [at.value()], TensorType((), "i32"), axis=at.integer("axis"), keepdims=False))
