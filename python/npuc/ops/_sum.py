# SPDX-License-Identifier: Apache-2.0
"""What add and sub share: both inputs brought to one i32 scale with headroom."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from npuc.numerics.scales import quantize_scale
from npuc.ops._checks import RANGES, scale_ok
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

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from super().limits(target)
        yield from self._headroom()

    def _headroom(self) -> Iterator[Refusal]:
        """The sum of the rescaled inputs fits i32: (2**bits - 1) * 2**left_shift * (real scale of a + of b), rounded up."""
        low, high = RANGES[self.inputs[0].dtype]
        reach = max(max(zero - low, high - zero) for zero in (self.zp_a, self.zp_b)) << self.left_shift
        largest = sum(reach * multiplier / 2.0**shift + 1 for multiplier, shift in (self.scale_a, self.scale_b))
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
