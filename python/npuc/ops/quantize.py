# SPDX-License-Identifier: Apache-2.0
"""quantize: real values to integers, as PyTorch's quantize_per_tensor or TFLite's QUANTIZE computes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import bounds_ok, dtype_is, host_only, in_range
from npuc.ops._elementwise import Map
from npuc.ops.base import NUMPY_DTYPES, Refusal, TensorType, param
from npuc.targets.base import Target


@dataclass(frozen=True)
class Quantize(Map):
    """y = clamp(round(x * f32(1 / scale)) + zp, lo, hi), round half to even, in f32.

    x f32 -> i8, ui8 or i16. PyTorch multiplies by the reciprocal, so a division would differ where ties are. NaN becomes zp.
    With division (TFLite): clamp(round(x / f32(scale)) + zp, lo, hi), halves away from zero.
    """

    name: ClassVar[str] = "quantize"
    host_only: ClassVar[bool] = True

    scale: float = param("real step of the result", 1.0)
    zp: int = param("zero point of the result", 0)
    lo: int = param("least value", -128)
    hi: int = param("greatest value", 127)
    division: bool = param("TFLite's rule instead of PyTorch's", False, since=1)

    def malformed(self) -> Iterator[str]:
        yield from dtype_is("input", self.inputs[0], "f32")
        wrong = list(dtype_is("result", self.output, "i8", "ui8", "i16"))
        yield from wrong
        if not wrong:
            yield from in_range("zp", self.zp, self.output.dtype)
            yield from bounds_ok(self.lo, self.hi, self.output.dtype)
        if not (np.isfinite(self.scale) and self.scale > 0):
            yield f"scale is {self.scale}, wanted a finite value above 0"

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            y = self._rounded(inputs[0]) + np.float32(self.zp)
        y = np.where(np.isnan(y), np.float32(self.zp), y)
        return np.clip(y, self.lo, self.hi).astype(NUMPY_DTYPES[self.output.dtype])

    def _rounded(self, x: np.ndarray) -> np.ndarray:
        if not self.division:
            return np.rint(x * np.float32(1 / self.scale))
        steps = x / np.float32(self.scale)
        whole = np.trunc(steps)
        return whole + np.where(np.abs(steps - whole) >= np.float32(0.5), np.copysign(np.float32(1), steps), np.float32(0))

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)
