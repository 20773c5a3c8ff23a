# SPDX-License-Identifier: Apache-2.0
"""rescale_channels: a rescale with a factor for each channel, on the host (TOSA RESCALE, per_channel, that no convolution takes up)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.numerics.rescale import Rescale
from npuc.ops._checks import dtype_is, in_range, rescale_ok
from npuc.ops._host import INTEGERS, HostOp
from npuc.ops.base import NUMPY_DTYPES, Region, TensorType, Tile, param, region_type


@dataclass(frozen=True)
class RescaleChannels(HostOp):
    """y[..., c] = clamp((((x[..., c] - zp_x) * m[c] + round) >> s[c]) + zp_out, lo, hi).

    x i8, i16, i32 or i64 (a 48-bit accumulator, zp_x 0) of at least one dimension -> i8, i16 or i32.
    """

    name: ClassVar[str] = "rescale_channels"

    zp_x: int = param("zero point of the input", 0)
    rescale: Rescale = param("input to output, one record for each channel", Rescale((1 << 30,), (30,)))

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        wrong = [*dtype_is("input", x, *INTEGERS, "i64"), *dtype_is("result", self.output, *INTEGERS)]
        yield from wrong
        if not x.shape:
            yield "the input has no dimension, wanted at least 1"
        if wrong or not x.shape:
            return
        if x.dtype == "i64" and self.zp_x:
            yield f"zp_x is {self.zp_x}, wanted 0 for an accumulator"
        elif x.dtype != "i64":
            yield from in_range("zp_x", self.zp_x, x.dtype)
        yield from rescale_ok(self.rescale, (x.shape[-1],), self.output.dtype)

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return self.rescale.apply(inputs[0].astype(np.int64) - self.zp_x, NUMPY_DTYPES[self.output.dtype])

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def tile(self, region: Region) -> Tile:
        part = region_type(self.inputs[0], region)
        spec = replace(self, inputs=(part,), output=region_type(self.output, region), rescale=self.rescale.channels(*region[-1]))
        return Tile(spec, (region,))
