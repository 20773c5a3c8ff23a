# SPDX-License-Identifier: Apache-2.0
"""Ops in integers and booleans for which no machine here has an instruction: the host runs their references."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from npuc.ops._broadcast import Broadcasting
from npuc.ops._checks import host_only
from npuc.ops.base import OpSpec, Refusal, Region, Tile
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
class HostMap(Broadcasting, HostOp):
    """Each position for itself; shapes broadcast."""
