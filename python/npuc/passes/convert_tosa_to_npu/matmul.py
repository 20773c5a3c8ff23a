# SPDX-License-Identifier: Apache-2.0
"""tosa.matmul, and matmul_t of a later TOSA -> npu.matmul with its sums; conv2d.py joins it with its rescale."""

from torch_mlir import ir

from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.matmul", "tosa.matmul_t")


def convert(at: Tosa) -> ir.Value:
    """[N, H, C] times [N, C, W], or in matmul_t [N, W, C]."""
    kinds = at.type(0).dtype, at.type(1).dtype
    if kinds not in (("i8", "i8"), ("i16", "i16")):
        raise at.refuse(f"{at.name} takes i8 or i16 factors", " and ".join(kinds), "i8 and i8, or i16 and i16")
    value = at.make(
        "matmul", at.values[:2], TensorType((), at.result.dtype), transpose_b=at.name == "matmul_t", zp_a=at.number(2, "zero point of a"),
        zp_b=at.number(3, "zero point of b"),
    )  # fmt: skip
    return at.finish(value)
