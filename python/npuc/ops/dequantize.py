# SPDX-License-Identifier: Apache-2.0
"""dequantize: integers to the real values they stand for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import RANGES, dtype_is, host_only, in_range
from npuc.ops._elementwise import Map
from npuc.ops.base import Refusal, TensorType, param
from npuc.targets.base import Target


@dataclass(frozen=True)
class Dequantize(Map):
    """y = f32(x - zp) * f32(scale), x i8, ui8, i16 or i32 -> f32."""

    name: ClassVar[str] = "dequantize"
    host_only: ClassVar[bool] = True

    scale: float = param("real step of the input", 1.0)
    zp: int = param("zero point of the input", 0)

    def malformed(self) -> Iterator[str]:
        wrong = list(dtype_is("input", self.inputs[0], *RANGES))
        yield from wrong
        if not wrong:
            yield from in_range("zp", self.zp, self.inputs[0].dtype)
        if not (np.isfinite(self.scale) and self.scale > 0):
            yield f"scale is {self.scale}, wanted a finite value above 0"

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, "f32")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return (inputs[0].astype(np.int64) - self.zp).astype(np.float32) * np.float32(self.scale)

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)
