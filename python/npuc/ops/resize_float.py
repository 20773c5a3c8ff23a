# SPDX-License-Identifier: Apache-2.0
"""resize_float: bilinear resize of uint8 codes in single precision, on the host (TFLite RESIZE_BILINEAR of uint8)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.numerics.resize import bilinear_float
from npuc.ops._checks import dtype_is, host_only, rank_is
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target

UNSIGNED = 128


@dataclass(frozen=True)
class ResizeFloat(OpSpec):
    """y = trunc(the four x + 128 around a position, weighted in f32, + 0.5) - 128; see `npuc.numerics.resize`.

    input i8 [N, H, W, C], codes of uint8 moved by 128 -> i8 [N, OH, OW, C]. The integer rule of int8 gives other codes: `resize` has it.
    """

    name: ClassVar[str] = "resize_float"
    host_only: ClassVar[bool] = True

    size: tuple[int, int] = param("rows and columns of the result", (1, 1))
    align_corners: bool = param("first and last positions of both images coincide", False)
    half_pixel_centers: bool = param("positions are those of centres of pixels", False)

    def malformed(self) -> Iterator[str]:
        yield from rank_is("input", self.inputs[0], 4)
        yield from dtype_is("input", self.inputs[0], "i8")
        if min(self.size) < 1:
            yield f"size is {self.size}, wanted at least 1 each way"

    def infer(self) -> TensorType:
        n, _, _, channels = self.inputs[0].shape
        return TensorType((n, *self.size, channels), "i8")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        codes = inputs[0].astype(np.int16) + UNSIGNED
        return (bilinear_float(codes, self.size, self.align_corners, self.half_pixel_centers) - UNSIGNED).astype(np.int8)

    @property
    def splits(self) -> frozenset[int]:
        return frozenset({0, 3})

    def tile(self, region: Region) -> Tile:
        """Raises ValueError where the region cuts rows or columns."""
        if region[1:3] != self.output.whole[1:3]:
            raise ValueError("resize_float is cut along rows or columns, wanted whole images")
        source = (region[0], *self.inputs[0].whole[1:3], region[3])
        return Tile(replace(self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region)), (source,))

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)
