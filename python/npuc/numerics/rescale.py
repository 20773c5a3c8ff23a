# SPDX-License-Identifier: Apache-2.0
"""RESCALE: an i32 accumulator to a narrower quantized value (TOSA 1.0 PRO-INT, EXT-DOUBLEROUND)."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from npuc.numerics.scales import MULTIPLIER_END, SHIFT_MAX, SHIFT_MIN, quantize_scale


@dataclass(frozen=True)
class Rescale:
    """y = clamp(((v * m + round) >> s) + zp_out, lo, hi), per tensor or per output channel.

    Attributes:
        multiplier: m, one entry per tensor or one per channel of the last dimension; in [0, 2**31). A real factor becomes one in
            [2**30, 2**31); TFLite's mean divides its own by a count and leaves it smaller, which shows where rounding is double.
        shift: s in 2..62, as many entries as `multiplier`.
        zp_out: zero point of the result.
        lo, hi: inclusive bounds of the result (fused ReLU, ReLU6 and clamps live here).
        double_round: TOSA DOUBLE_ROUND (adds +-2**30 by the sign of v where s > 31) instead of SINGLE_ROUND.
    """

    multiplier: tuple[int, ...]
    shift: tuple[int, ...]
    zp_out: int = 0
    lo: int = -128
    hi: int = 127
    double_round: bool = False

    @classmethod
    def from_scales(cls, scales: Iterable[float], zp_out: int = 0, lo: int = -128, hi: int = 127) -> "Rescale":
        """Rescale by real factors, one per tensor or per channel."""
        pairs = [quantize_scale(float(scale)) for scale in scales]
        return cls(tuple(m for m, _ in pairs), tuple(s for _, s in pairs), zp_out, lo, hi)

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the parameters, in words."""
        return self._problems

    @functools.cached_property
    def _problems(self) -> tuple[str, ...]:
        return tuple(self._found_wrong())

    def _found_wrong(self) -> Iterator[str]:
        if len(self.multiplier) != len(self.shift):
            yield f"rescale has {len(self.multiplier)} multipliers and {len(self.shift)} shifts, wanted as many"
        if self.multiplier and not 0 <= min(self.multiplier) <= max(self.multiplier) < MULTIPLIER_END:
            yield "rescale multiplier is out of range, wanted [0, 2**31)"
        if self.shift and not SHIFT_MIN <= min(self.shift) <= max(self.shift) <= SHIFT_MAX:
            yield f"rescale shift is out of range, wanted {SHIFT_MIN}..{SHIFT_MAX}"
        if self.lo > self.hi:
            yield f"rescale bounds are {self.lo}..{self.hi}, wanted lo <= hi"

    @property
    def per_channel(self) -> bool:
        return len(self.multiplier) > 1

    def channels(self, start: int, size: int) -> "Rescale":
        """The same rescale for output channels start .. start + size - 1."""
        if not self.per_channel or size == len(self.multiplier):
            return self
        return replace(self, multiplier=self.multiplier[start : start + size], shift=self.shift[start : start + size])

    def picked(self, channels: Sequence[int]) -> "Rescale":
        """The same rescale for these output channels."""
        if not self.per_channel:
            return self
        return replace(self, multiplier=tuple(self.multiplier[c] for c in channels), shift=tuple(self.shift[c] for c in channels))

    def apply(self, values: np.ndarray, dtype: type = np.int8) -> np.ndarray:
        """Rescale `values` (any integer dtype, [..., C]) to `dtype`."""
        return rescale(
            values, np.asarray(self.multiplier, np.int64), np.asarray(self.shift, np.int64),
            self.zp_out, self.lo, self.hi, self.double_round, dtype,
        )  # fmt: skip

    def apply_wide(self, sums: np.ndarray, dtype: type) -> np.ndarray:
        """As `apply` in single rounding, exact for i64 sums below 2**47 with any multiplier: the product is made of two halves.

        By shifts below 16 all but 0 leaves the bounds behind.
        """
        multiplier, shift = np.asarray(self.multiplier, np.int64), np.asarray(self.shift, np.int64)
        rounded = ((sums & 0xFFFF) * multiplier + np.left_shift(np.int64(1), shift - 1)) >> 16
        scaled = (((sums >> 16) * multiplier + rounded) >> np.maximum(shift - 16, 0)) << np.maximum(16 - shift, 0)
        return np.clip(scaled + self.zp_out, self.lo, self.hi).astype(dtype)


def scale_values(values: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, double_round: bool) -> np.ndarray:
    """(v * m + round) >> s in int64, without zero point or clamp; operands broadcast over the last dimension."""
    wide = values.astype(np.int64)
    rounding = np.left_shift(np.int64(1), shift - 1)
    if double_round:
        extra = np.where(wide >= 0, np.int64(1 << 30), np.int64(-(1 << 30)))
        rounding = rounding + np.where(shift > 31, extra, 0)
    return (wide * multiplier + rounding) >> shift


def rescale(
    values: np.ndarray, multiplier: np.ndarray, shift: np.ndarray,
    zp_out: int, lo: int, hi: int, double_round: bool, dtype: type = np.int8,
) -> np.ndarray:  # fmt: skip
    """Rescale and clamp; see `Rescale`. multiplier and shift are i64 of shape [1] or [C]."""
    return np.clip(scale_values(values, multiplier, shift, double_round) + zp_out, lo, hi).astype(dtype)
