# SPDX-License-Identifier: Apache-2.0
"""tosa.avg_pool2d, and the adaptive form of a later TOSA -> npu.avg_pool2d with TOSA's reciprocals as its records."""

from torch_mlir import ir

from npuc.numerics.rescale import Rescale
from npuc.ops._checks import ACTIVATIONS, RANGES
from npuc.passes.convert_tosa_to_npu._match import Tosa
from npuc.passes.convert_tosa_to_npu._pool import window

OPS = ("tosa.avg_pool2d", "tosa.avg_pool2d_adaptive")


def convert(at: Tosa) -> ir.Value:
    if at.type().dtype not in ACTIVATIONS:
        raise at.refuse("avg_pool2d takes i8 or i16", at.type().dtype, "i8 or i16")
    kernel, strides, pads = window(at, 3)
    scales = [reciprocal(count) for count in range(1, kernel[0] * kernel[1] + 1)]
    records = scales if any(pads) else scales[-1:]
    bounds = RANGES[at.type().dtype]
    rescale = Rescale(tuple(m for m, _ in records), tuple(s for _, s in records), at.number(2, "output's zero point"), *bounds)
    return at.finish(at.make("avg_pool2d", [at.value()], kernel=kernel, strides=strides, pads=pads, zp_x=at.number(1, "input's zero point"), rescale=rescale))


def reciprocal(value: int) -> tuple[int, int]:
    """TOSA's reciprocal_scale: (multiplier, shift) of 1 / value, the multiplier in [2**30, 2**31)."""
    k = (value - 1).bit_length()
    return (((1 << 30) + 1) << k) // value, 30 + k
