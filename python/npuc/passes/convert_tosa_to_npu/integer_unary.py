# SPDX-License-Identifier: Apache-2.0
"""tosa.abs, bitwise_not, clz, logical_not -> npu.integer_unary; tosa.negate of i8 -> npu.table."""

import numpy as np
from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.abs", "tosa.bitwise_not", "tosa.clz", "tosa.logical_not", "tosa.negate")


def convert(at: Tosa) -> ir.Value:
    if at.name == "negate":
        return at.finish(_negate(at))
    return at.finish(at.make("integer_unary", [at.value()], kind=at.name))


def _negate(at: Tosa) -> ir.Value:
    """zp_out - (x - zp_in), saturated."""
    zp_in, zp_out = at.number(1, "input's zero point"), at.number(2, "output's zero point")
    if at.type().dtype == "i8":
        entries = np.clip(zp_out + zp_in - np.arange(-128, 128), -128, 127).astype(np.int8)
        return at.make("table", [at.value(), at.constant(entries)])
    if zp_in or zp_out:
        raise at.refuse("only i8 has zero points", (zp_in, zp_out), "0 and 0")
    return at.make("integer_unary", [at.value()], kind="negate")
