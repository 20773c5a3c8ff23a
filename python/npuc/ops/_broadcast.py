# SPDX-License-Identifier: Apache-2.0
"""Operands whose shapes broadcast as numpy's, for ops of the NPU and of the host."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.ops.base import OpSpec, Region, Tile, region_type


@dataclass(frozen=True)
class Broadcasting(OpSpec):
    """y[p] = f(a[p], b[p], ...); shapes are aligned right, extents equal or 1."""

    # between the operands in a sentence
    between: ClassVar[str] = ", "

    def broadcast_problems(self) -> Iterator[str]:
        """The operands have no shape between them."""
        try:
            np.broadcast_shapes(*(tensor.shape for tensor in self.inputs))
        except ValueError:
            yield f"operands are {self.between.join(map(str, self.inputs))}, wanted shapes that broadcast"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the operands' shapes broadcast to."""
        return tuple(np.broadcast_shapes(*(tensor.shape for tensor in self.inputs)))

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def tile(self, region: Region) -> Tile:
        rank = len(region)
        regions = tuple(
            tuple((0, 1) if extent == 1 else cut for extent, cut in zip(tensor.shape, region[rank - len(tensor.shape) :], strict=True))
            for tensor in self.inputs
        )
        types = tuple(region_type(tensor, part) for tensor, part in zip(self.inputs, regions, strict=True))
        return Tile(replace(self, inputs=types, output=region_type(self.output, region)), regions)
