# SPDX-License-Identifier: Apache-2.0
"""Ops in f32 that may stand at the edge of a program and run on the host."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is, host_only
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class AlongAxis(OpSpec):
    """f32 -> f32 of the same shape, each vector along `axis` on its own."""

    host_only: ClassVar[bool] = True

    axis: int = param("dimension of the vectors", 0)

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        yield from dtype_is("input", x, "f32")
        if not 0 <= self.axis < len(x.shape):
            yield f"axis is {self.axis}, wanted 0..{len(x.shape) - 1}"

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, "f32")

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape))) - {self.axis}

    def tile(self, region: Region) -> Tile:
        """Raises ValueError where the region cuts `axis`."""
        if region[self.axis] != self.output.whole[self.axis]:
            raise ValueError(f"{self.name} is cut along its axis {self.axis}, wanted any other dimension")
        part = region_type(self.inputs[0], region)
        return Tile(replace(self, inputs=(part,), output=part), (region,))

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)


def centred(x: np.ndarray, axis: int) -> np.ndarray:
    """x minus its greatest value along `axis`, so that no exponential overflows."""
    return x - x.max(axis=axis, keepdims=True)
