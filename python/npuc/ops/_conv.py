# SPDX-License-Identifier: Apache-2.0
"""What convolutions and fully connected layers share: parameters, accumulator range."""

from collections.abc import Iterator

import numpy as np

from npuc.isa.records import RECORD
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import at_most, dtype_is, in_range, rescale_ok, type_is
from npuc.ops.base import Refusal, TensorType
from npuc.targets.base import Target

I32_MAX = (1 << 31) - 1


def parameter_problems(weights: TensorType, bias: TensorType, channels: int, zp_x: int, zp_w: int, rescale: Rescale) -> Iterator[str]:
    """Weights i8, bias i32 [channels], zero points and rescale in range."""
    yield from dtype_is("weights", weights, "i8")
    yield from type_is("bias", bias, (channels,), "i32")
    yield from in_range("zp_x", zp_x, "i8")
    yield from in_range("zp_w", zp_w, "i8")
    yield from rescale_ok(rescale, (1, channels), "i8")


def result_dtype(output: TensorType) -> str:
    """i32 where the result is the accumulators themselves (an output of that type), else i8."""
    return "i32" if output.dtype == "i32" else "i8"


def param_bytes(channels: int, weights: TensorType) -> int:
    """Size of the blob: one record an output channel, then the weights."""
    return RECORD.itemsize * channels + weights.elements


def accumulator_limits(weights: np.ndarray, bias: np.ndarray, zp_x: int, zp_w: int) -> Iterator[Refusal]:
    """The i32 accumulator must hold max |x - zp_x| * sum |w - zp_w| + |bias| of every output channel.

    Args:
        weights: i8 [O, ...], output channels first.
        bias: i32 [O].
    """
    reach = max(zp_x + 128, 127 - zp_x)
    sums = np.abs(weights.astype(np.int64) - zp_w).reshape(len(weights), -1).sum(axis=1)
    worst = int((sums * reach + np.abs(bias.astype(np.int64))).max())
    if worst > I32_MAX:
        yield Refusal("the accumulator of an output channel fits i32", str(worst), f"at most {I32_MAX}")


def field_limits(target: Target, strides: tuple[int, int], dilation: tuple[int, int], groups: int = 1) -> Iterator[Refusal]:
    """Strides and dilation are 8-bit fields of the instruction, groups a 16-bit field."""
    yield from at_most("stride is an 8-bit field", max(strides), 255)
    yield from at_most("dilation is an 8-bit field", max(dilation), 255)
    yield from at_most("groups is a 16-bit field", groups, 65535)
