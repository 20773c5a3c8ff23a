# SPDX-License-Identifier: Apache-2.0
"""tosa.max_pool2d, and the adaptive form of a later TOSA -> npu.max_pool2d."""

from torch_mlir import ir

from npuc.ops._checks import ACTIVATIONS, RANGES
from npuc.passes.convert_tosa_to_npu._match import Tosa
from npuc.passes.convert_tosa_to_npu._pool import window

OPS = ("tosa.max_pool2d", "tosa.max_pool2d_adaptive")


def convert(at: Tosa) -> ir.Value:
    if at.type().dtype not in ACTIVATIONS:
        raise at.refuse("max_pool2d takes i8 or i16", at.type().dtype, "i8 or i16")
    lo, hi = RANGES[at.type().dtype]
    kernel, strides, pads = window(at, 1)
    return at.finish(at.make("max_pool2d", [at.value()], kernel=kernel, strides=strides, pads=pads, lo=lo, hi=hi))
