# SPDX-License-Identifier: Apache-2.0
"""avg_pool2d: the mean of each window, rescaled once (TOSA AVG_POOL2D and RESCALE in one step), or as TFLite divides it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa import pool as isa
from npuc.isa.base import Instruction, Operand
from npuc.isa.records import RECORD
from npuc.numerics.pool import count_windows, divided, sum_windows
from npuc.numerics.rescale import Rescale, scale_values
from npuc.ops._checks import RANGES, in_range, rescale_ok
from npuc.ops._pool import Pool
from npuc.ops._views import pack_records, records_view
from npuc.ops.base import Refusal, param
from npuc.targets.base import Target

AVERAGES = {"scale": isa.Average.SCALE, "half_away": isa.Average.HALF_AWAY, "half_up": isa.Average.HALF_UP}


@dataclass(frozen=True)
class AvgPool2d(Pool):
    """y[n,h,w,c] = rescale[d](sum over i,j of (x[n, h*sh - top + i, w*sw - left + j, c] - zp_x)), padding contributes 0.

    d is the divisor: KH * KW where count_include_pad, else the positions of the window inside the image (the whole image, however
    the op is tiled). Record d - 1 of the rescale is (scale_in / scale_out) / d; one record alone serves every position.
    input i8 or i16 [N, H, W, C] -> [N, OH, OW, C] of its type.

    With rounding "half_away" (TFLite's AVERAGE_POOL_2D of int8 and int16) or "half_up" (of uint8, moved by 128) the stored values are averaged,
    y = clamp(sum of x / d, lo, hi) to the nearest integer; d counts the image, and of zp_x and rescale only lo and hi have a meaning.
    """

    name: ClassVar[str] = "avg_pool2d"

    count_include_pad: bool = param("the divisor counts padding too", False)
    zp_x: int = param("zero point of the input", 0)
    rescale: Rescale = param("sum to output, one record or KH * KW of them, by divisor - 1", Rescale((1 << 30,), (30,)))
    rounding: str = param('"scale": by the records of the rescale; "half_away" or "half_up": a division of stored values', "scale", since=1)

    @property
    def _by_count(self) -> bool:
        return self.rescale.per_channel

    def malformed(self) -> Iterator[str]:
        wrong = list(super().malformed())
        yield from wrong
        if wrong:
            return
        dtype = self.inputs[0].dtype
        yield from in_range("zp_x", self.zp_x, dtype)
        taps = self.kernel[0] * self.kernel[1]
        # without padding every divisor is KH * KW; a tile of a padded op keeps all records
        counts = (1,) if self.count_include_pad or self._divides else (taps,) if any(self.pads) else (1, taps)
        yield from rescale_ok(self.rescale, counts, dtype)
        if self.rounding not in AVERAGES:
            yield f"rounding is '{self.rounding}', wanted {' or '.join(AVERAGES)}"
        elif self._divides and self.count_include_pad:
            yield "a division of stored values counts padding, wanted the positions of the image alone"

    @property
    def _divides(self) -> bool:
        return self.rounding != "scale"

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        if self._divides:
            total = sum_windows(inputs[0].astype(np.int64), self.kernel, self.strides, self.pads)
            count = count_windows(inputs[0].shape[1:3], self.kernel, self.strides, self.pads)
            return np.clip(divided(total, count, self.rounding == "half_up"), self.rescale.lo, self.rescale.hi).astype(inputs[0].dtype)
        total = sum_windows(inputs[0].astype(np.int64) - self.zp_x, self.kernel, self.strides, self.pads)
        multiplier, shift = np.array(self.rescale.multiplier, np.int64), np.array(self.rescale.shift, np.int64)
        if self._by_count:
            record = count_windows(inputs[0].shape[1:3], self.kernel, self.strides, self.pads) - 1
            multiplier, shift = multiplier[record], shift[record]
        scaled = scale_values(total, multiplier, shift, self.rescale.double_round)
        return np.clip(scaled + self.rescale.zp_out, self.rescale.lo, self.rescale.hi).astype(inputs[0].dtype)

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from super().limits(target)
        yield from self._accumulator()

    def _accumulator(self) -> Iterator[Refusal]:
        """The sum of a window fits i32."""
        low, high = RANGES[self.inputs[0].dtype]
        largest = self.kernel[0] * self.kernel[1] * max(self.zp_x - low, high - self.zp_x)
        if largest > (1 << 31) - 1:
            yield Refusal("the sum of a window fits i32", str(largest), "at most 2147483647")

    def param_bytes(self) -> int:
        return 0 if self._divides else RECORD.itemsize * len(self.rescale.multiplier)

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        if self._divides:
            return b""
        return pack_records(self.rescale, np.zeros(len(self.rescale.multiplier), np.int32))

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        scales = Operand.absent() if self._divides else records_view(params, len(self.rescale.multiplier))
        instruction = isa.Pool(
            kind=isa.PoolKind.AVG, ifm=inputs[0].padded(self.pads, self.zp_x), scales=scales,
            ofm=output, kernel_h=self.kernel[0], kernel_w=self.kernel[1], stride_h=self.strides[0], stride_w=self.strides[1],
            zp_x=self.zp_x, zp_out=self.rescale.zp_out, lo=self.rescale.lo, hi=self.rescale.hi, double_round=int(self.rescale.double_round),
            average=AVERAGES[self.rounding],
        )  # fmt: skip
        return [instruction]


def average_rescale(scale: float, kernel: tuple[int, int], by_count: bool, zp_out: int = 0, lo: int = -128, hi: int = 127) -> Rescale:
    """The records of an average pooling with real factor `scale` (input to output): by divisor, or one for KH * KW."""
    taps = kernel[0] * kernel[1]
    divisors = range(1, taps + 1) if by_count else (taps,)
    return Rescale.from_scales((scale / divisor for divisor in divisors), zp_out, lo, hi)
