# SPDX-License-Identifier: Apache-2.0
"""tosa.clamp -> npu.clamp; of i32, on the host."""

import numpy as np
from torch_mlir import ir

from npuc.ops._checks import ACTIVATIONS
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.clamp",)


def convert(at: Tosa) -> ir.Value:
    lo, hi = at.integer("min_val"), at.integer("max_val")
    if at.type().dtype in ACTIVATIONS:
        return at.finish(at.make("clamp", [at.value()], lo=lo, hi=hi))
    low, high = (at.constant(np.full((1,) * len(at.type().shape), bound, at_dtype(at))) for bound in (lo, hi))
    bounded = at.make("integer_binary", [at.value(), high], kind="minimum")
    return at.finish(at.make("integer_binary", [bounded, low], kind="maximum"))


def at_dtype(at: Tosa) -> type:
    """numpy's type of the elements."""
    return {"i16": np.int16, "i32": np.int32}[at.type().dtype]
