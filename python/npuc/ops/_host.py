# SPDX-License-Identifier: Apache-2.0
"""Ops in integers and booleans for which no machine here has an instruction: the host runs their references."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.ops._checks import host_only
from npuc.ops.base import OpSpec, Refusal, Region, Tile, region_type
from npuc.targets.base import Target

INTEGERS = ("i8", "i16", "i32")


@dataclass(frozen=True)
class HostOp(OpSpec):
    """Computed whole."""

    host_only: ClassVar[bool] = True

    def tile(self, region: Region) -> Tile:
        """Raises ValueError unless the region is everything."""
        if region != self.output.whole:
            raise ValueError(f"{self.name} is cut, wanted whole")
        return Tile(self, tuple(tensor.whole for tensor in self.inputs))

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)


@dataclass(frozen=True)
class HostMap(HostOp):
    """y[p] = f(a[p], b[p], ...); shapes broadcast as numpy's: aligned right, extents equal or 1."""

    def broadcast_problems(self) -> Iterator[str]:
        """The operands have one shape between them."""
        try:
            np.broadcast_shapes(*(tensor.shape for tensor in self.inputs))
        except ValueError:
            yield f"operands are {', '.join(map(str, self.inputs))}, wanted shapes that broadcast"

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
