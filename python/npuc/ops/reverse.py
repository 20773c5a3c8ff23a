# SPDX-License-Identifier: Apache-2.0
"""reverse: a dimension read from its end, on the host (TOSA REVERSE; TFLite REVERSE_V2 of one dimension)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.ops._host import HostOp
from npuc.ops.base import Region, TensorType, Tile, param, region_type


@dataclass(frozen=True)
class Reverse(HostOp):
    """y[..., i, ...] = x[..., n - 1 - i, ...] along `axis` of extent n. Any element type."""

    name: ClassVar[str] = "reverse"

    axis: int = param("dimension that is reversed", 0)

    def malformed(self) -> Iterator[str]:
        rank = len(self.inputs[0].shape)
        if not 0 <= self.axis < rank:
            yield f"axis is {self.axis}, wanted 0..{rank - 1}"

    def infer(self) -> TensorType:
        return self.inputs[0]

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.flip(inputs[0], self.axis))

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def tile(self, region: Region) -> Tile:
        start, size = region[self.axis]
        source = (*region[: self.axis], (self.inputs[0].shape[self.axis] - start - size, size), *region[self.axis + 1 :])
        return Tile(replace(self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region)), (source,))
