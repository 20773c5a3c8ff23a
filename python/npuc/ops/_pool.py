# SPDX-License-Identifier: Apache-2.0
"""What max_pool2d and avg_pool2d share: a window over H and W, channels on their own."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from npuc.ops._checks import ACTIVATIONS, activation_types, at_most, dtype_is, rank_is
from npuc.ops._windows import Axis, axes, cut_windows, window_problems
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Pool(OpSpec):
    """input i8 or i16 [N, H, W, C] -> [N, OH, OW, C] of its type."""

    kernel: tuple[int, int] = param("rows and columns of a window", (1, 1))
    strides: tuple[int, int] = param("stride along H and W", (1, 1))
    pads: tuple[int, int, int, int] = param("padding: top, bottom, left, right", (0, 0, 0, 0))

    def _axes(self) -> tuple[Axis, Axis]:
        return axes(self.inputs[0].shape[1:3], self.kernel, self.strides, (1, 1), self.pads)

    def malformed(self) -> Iterator[str]:
        wrong = [*rank_is("input", self.inputs[0], 4), *dtype_is("input", self.inputs[0], *ACTIVATIONS)]
        yield from wrong
        if wrong:
            return
        yield from window_problems(self._axes())

    def infer(self) -> TensorType:
        n, _, _, channels = self.inputs[0].shape
        rows, columns = self._axes()
        return TensorType((n, rows.outputs, columns.outputs, channels), self.inputs[0].dtype)

    @property
    def splits(self) -> frozenset[int]:
        return frozenset({0, 1, 2, 3})

    def tile(self, region: Region) -> Tile:
        (rows, columns), pads = cut_windows(self._axes(), region[1:3])
        source = (region[0], rows, columns, region[3])
        spec = replace(self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region), pads=pads)
        return Tile(spec, (source,))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,)

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target)
        yield from at_most("stride is an 8-bit field", max(self.strides), 255)
        yield from at_most("kernel is a 16-bit field", max(self.kernel), 65535)

    @property
    def takes_bricks(self) -> bool:
        return True
