# SPDX-License-Identifier: Apache-2.0
"""resize: nearest neighbour (TOSA RESIZE, NEAREST_NEIGHBOR; PyTorch nearest by rounding "floor"), or bilinear as TFLite does it in int8."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import resize as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics.resize import Positions, bilinear, positions
from npuc.ops._checks import ACTIVATIONS, at_most, dtype_is, element_types, rank_is
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target

ROUNDINGS = {"floor": isa.ResizeRounding.FLOOR, "half": isa.ResizeRounding.HALF, "bilinear": isa.ResizeRounding.BILINEAR}


@dataclass(frozen=True)
class Resize(OpSpec):
    """y[n, oy, ox, c] = x[n, iy, ix, c]; with p = oy * d + offset, iy = floor(p / n), "half": one more where 2 * (p mod n) >= n.

    n / d is the scale (output over input) of a dimension; iy is clamped to the image. OH = ((H - 1) * n - offset + border) / d + 1
    exactly. input [N, H, W, C] of any element type.

    "bilinear", i8: the four inputs around p / n, weighted by the distances and rounded once, halves away from zero; see
    `npuc.numerics.resize`.
    """

    name: ClassVar[str] = "resize"

    scale_y: tuple[int, int] = param("n, d of rows: output / input = n / d", (1, 1))
    scale_x: tuple[int, int] = param("n, d of columns", (1, 1))
    offset: tuple[int, int] = param("added to the position of rows, columns", (0, 0))
    border: tuple[int, int] = param("how far the output reaches beyond the last row, column", (0, 0))
    rounding: str = param('"floor", "half" or "bilinear"', "floor")

    @property
    def _dimensions(self) -> tuple[tuple[int, int, int, int, int], ...]:
        """Extent, n, d, offset, border of rows and columns."""
        _, height, width, _ = self.inputs[0].shape
        return ((height, *self.scale_y, self.offset[0], self.border[0]), (width, *self.scale_x, self.offset[1], self.border[1]))

    def malformed(self) -> Iterator[str]:
        ranks = list(rank_is("input", self.inputs[0], 4))
        yield from ranks
        if ranks:
            return
        if self.rounding not in ROUNDINGS:
            yield f"rounding is '{self.rounding}', wanted {' or '.join(ROUNDINGS)}"
        if self._between:
            yield from dtype_is("input", self.inputs[0], *ACTIVATIONS)
        for name, (extent, n, d, offset, border) in zip(("rows", "columns"), self._dimensions, strict=True):
            if min(n, d) < 1:
                yield f"scale of {name} is {n} / {d}, wanted both at least 1"
                continue
            last = (extent - 1) * n - offset + border
            if last < 0 or last % d:
                yield f"({extent} - 1) * {n} - {offset} + {border} = {last} along {name}, wanted a multiple of {d}, at least 0"

    @property
    def _between(self) -> bool:
        return self.rounding == "bilinear"

    def infer(self) -> TensorType:
        n, _, _, channels = self.inputs[0].shape
        height, width = (((extent - 1) * n - offset + border) // d + 1 for extent, n, d, offset, border in self._dimensions)
        return TensorType((n, height, width, channels), self.inputs[0].dtype)

    def _positions(self, dimension: int, start: int, size: int) -> np.ndarray:
        """i64 [size]: input position of output positions start .. start + size - 1."""
        extent, n, d, offset, _ = self._dimensions[dimension]
        found, rest = np.divmod(np.arange(start, start + size, dtype=np.int64) * d + offset, n)
        if self.rounding == "half":
            found = found + (2 * rest >= n)
        return np.clip(found, 0, extent - 1)

    def _neighbours(self, dimension: int, start: int, size: int) -> Positions:
        """Lower and upper neighbours of output positions start .. start + size - 1, and weights."""
        extent, n, d, offset, _ = self._dimensions[dimension]
        return positions(size, n, d, offset, extent, start)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        _, height, width, _ = self.output.shape
        if self._between:
            return bilinear(inputs[0], self._neighbours(0, 0, height), self._neighbours(1, 0, width), self.scale_y[0], self.scale_x[0])
        rows, columns = self._positions(0, 0, height), self._positions(1, 0, width)
        return inputs[0][:, rows[:, None], columns[None, :]]

    @property
    def splits(self) -> frozenset[int]:
        return frozenset({0, 1, 2, 3})

    def tile(self, region: Region) -> Tile:
        """Offset and border of a tile are what they must be for its own first and last position."""
        cuts, offsets, borders = [], [], []
        for dimension, (start, size) in enumerate(region[1:3]):
            _, n, d, offset, _ = self._dimensions[dimension]
            if self._between:
                lower, upper, _ = self._neighbours(dimension, start, size)
            else:
                lower = upper = self._positions(dimension, start, size)
            first, extent = int(lower[0]), int(upper[-1] - lower[0]) + 1
            cuts.append((first, extent))
            offsets.append(offset + start * d - first * n)
            borders.append((size - 1) * d - (extent - 1) * n + offsets[-1])
        source = (region[0], *cuts, region[3])
        spec = replace(
            self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region),
            offset=tuple(offsets), border=tuple(borders),
        )  # fmt: skip
        return Tile(spec, (source,))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,)

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        if self._between:
            yield from element_types(self, target, "i8")
            yield from self._weights()
        else:
            yield from element_types(self, target, "i8", "i16", "i32")

    def _weights(self) -> Iterator[Refusal]:
        """Weights between two positions have 14 bits."""
        yield from at_most("weights between two positions have 14 bits", max(self.scale_y[0], self.scale_x[0]), 1 << 14)

    @property
    def takes_bricks(self) -> bool:
        return True

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        instruction = isa.Resize(
            ifm=inputs[0], ofm=output, scale_y_n=self.scale_y[0], scale_y_d=self.scale_y[1], offset_y=self.offset[0],
            scale_x_n=self.scale_x[0], scale_x_d=self.scale_x[1], offset_x=self.offset[1], rounding=ROUNDINGS[self.rounding],
        )  # fmt: skip
        return [instruction]


def nearest_scale(extent: int, wanted: int) -> tuple[tuple[int, int], int]:
    """((n, d), border) that take `extent` positions to `wanted` as floor(o * extent / wanted), offset 0."""
    return (wanted, extent), (wanted - 1) * extent - (extent - 1) * wanted
