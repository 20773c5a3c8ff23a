# SPDX-License-Identifier: Apache-2.0
"""What add and sub share: both inputs brought to one i32 scale with headroom."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from npuc.numerics.scales import quantize_scale
from npuc.ops._checks import ACTIVATIONS, RANGES, activation_types, at_most_rank_4, dtype_is, scale_ok
from npuc.ops._elementwise import UNIT_SCALE, Binary, scaled
from npuc.ops.base import Refusal, param
from npuc.targets.base import Target

HEADROOM_BITS = 20


@dataclass(frozen=True)
class Sum(Binary):
    """Both inputs rescaled to a common i32 scale, combined, rescaled once."""

    scale_a: tuple[int, int] = param("(multiplier, shift) of a, headroom included", UNIT_SCALE)
    scale_b: tuple[int, int] = param("(multiplier, shift) of b, headroom included", UNIT_SCALE)
    left_shift: int = param("headroom made before the scales, where they include none (TFLite: 20)", 0, since=1)

    def malformed(self) -> Iterator[str]:
        yield from super().malformed()
        yield from scale_ok("scale_a", self.scale_a)
        yield from scale_ok("scale_b", self.scale_b)
        if not 0 <= self.left_shift <= HEADROOM_BITS:
            yield f"left_shift is {self.left_shift}, wanted 0..{HEADROOM_BITS}"

    def mistyped(self) -> Iterator[str]:
        """Activations, or sums on their way to one: each input of a type of its own."""
        for name, tensor in zip(self.operand_names, self.inputs, strict=True):
            yield from dtype_is(name, tensor, *ACTIVATIONS, "i32")

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target, "i32")
        yield from at_most_rank_4(self)
        yield from self._zero_points()
        yield from self._headroom()

    def _zero_points(self) -> Iterator[Refusal]:
        """The zero points of the inputs are 16-bit fields."""
        for zero_point in (self.zp_a, self.zp_b):
            if not -(1 << 15) <= zero_point < 1 << 15:
                yield Refusal("the zero point is a 16-bit field", str(zero_point), "-32768..32767")

    def _headroom(self) -> Iterator[Refusal]:
        """The sum of the rescaled inputs fits i32: (2**bits - 1) * 2**left_shift * (real scale of a + of b), rounded up."""
        largest = 0.0
        for tensor, zero, (multiplier, shift) in zip(self.inputs, (self.zp_a, self.zp_b), (self.scale_a, self.scale_b), strict=True):
            low, high = RANGES[tensor.dtype]
            largest += (max(zero - low, high - zero) << self.left_shift) * multiplier / 2.0**shift + 1
        if largest > (1 << 31) - 1:
            yield Refusal("the sum of the rescaled inputs fits i32", f"{largest:.0f}", "at most 2147483647: less headroom")

    def terms(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both inputs on the common scale."""
        double, shift = self.rescale.double_round, self.left_shift
        return scaled(a, self.zp_a, self.scale_a, double, shift), scaled(b, self.zp_b, self.scale_b, double, shift)

    def input_scales(self) -> dict[str, int]:
        return {
            "multiplier_a": self.scale_a[0], "shift_a": self.scale_a[1], "multiplier_b": self.scale_b[0], "shift_b": self.scale_b[1],
            "left_shift": self.left_shift,
        }  # fmt: skip


def sum_scales(scale_a: float, scale_b: float, scale_out: float) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """scale_a, scale_b and the output's (multiplier, shift) of an add or sub with these real scales.

    The common scale is 2 * max(scale_a, scale_b) / 2**20, as TFLite's: real values a * scale_a / common stay below 2**28.
    """
    common = 2 * max(scale_a, scale_b)
    one = 1 << HEADROOM_BITS
    return quantize_scale(scale_a / common * one), quantize_scale(scale_b / common * one), quantize_scale(common / (one * scale_out))
