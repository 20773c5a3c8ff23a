# SPDX-License-Identifier: Apache-2.0
"""slice: a part of a tensor, every stride-th position (TOSA SLICE; TFLite STRIDED_SLICE with positive strides)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from npuc.isa.base import Instruction, Operand
from npuc.ops._layout import Movement, copy
from npuc.ops._views import ROWS, part, unwrapped
from npuc.ops.base import Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Slice(Movement):
    """y[i_0, i_1, ...] = x[starts[0] + i_0 * strides[0], ...], 0 <= i_k < sizes[k]. Any element type."""

    name: ClassVar[str] = "slice"

    starts: tuple[int, ...] = param("first position along each dimension", ())
    sizes: tuple[int, ...] = param("positions along each dimension", ())
    strides: tuple[int, ...] = param("distance of two positions along each dimension, at least 1", ())

    def malformed(self) -> Iterator[str]:
        shape = self.inputs[0].shape
        counts = {name: len(getattr(self, name)) for name in ("starts", "sizes", "strides")}
        wrong = [f"{name} has {count} entries, wanted {len(shape)}" for name, count in counts.items() if count != len(shape)]
        yield from wrong
        if wrong:
            return
        for i, (extent, start, size, stride) in enumerate(zip(shape, self.starts, self.sizes, self.strides, strict=True)):
            if start < 0 or size < 1 or stride < 1 or start + (size - 1) * stride >= extent:
                yield f"dimension {i} of {extent} is read from {start}, {size} times, stride {stride}, wanted positions 0..{extent - 1}"

    def infer(self) -> TensorType:
        return TensorType(self.sizes, self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        cuts = zip(self.starts, self.sizes, self.strides, strict=True)
        # the ellipsis keeps a tensor without dimensions an array, and ascontiguousarray would give it one
        part = inputs[0][(..., *(slice(start, start + (size - 1) * stride + 1, stride) for start, size, stride in cuts))]
        return np.array(part, order="C")

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def tile(self, region: Region) -> Tile:
        cuts = zip(self.starts, self.strides, region, strict=True)
        source = tuple((start + low * stride, (size - 1) * stride + 1) for start, stride, (low, size) in cuts)
        spec = replace(
            self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region),
            starts=(0,) * len(source), sizes=tuple(size for _, size in region),
        )  # fmt: skip
        return Tile(spec, (source,))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,) if self.sizes and self.output.shape[-1] == self.inputs[0].shape[-1] else ()

    def with_channels(self, kept: Sequence[int]) -> Self:
        return replace(super().with_channels(kept), sizes=(*self.sizes[:-1], len(kept)))

    # what this machine makes of it -------------------------------------------------------------

    @property
    def takes_bricks(self) -> bool:
        return self.output.shape[-1:] == self.inputs[0].shape[-1:]

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        shift = 4 - len(self.sizes)
        view = inputs[0]
        for i, (start, size, stride) in enumerate(zip(self.starts, self.sizes, self.strides, strict=True)):
            axis = i + shift
            view = part(view, axis, start, (size - 1) * stride + 1)
            if axis != ROWS:
                view = _every(view, axis, stride, 0)
        row_stride = self.strides[ROWS - shift] if shift <= ROWS else 1
        if row_stride == 1:
            return [copy(view, output)]
        # every stride-th row of a ring is no ring: each piece in one stretch
        commands = []
        for first, piece in unwrapped(view):
            chosen = _every(piece, ROWS, row_stride, -first % row_stride)
            if chosen.shape[ROWS] > 0:
                commands.append(copy(chosen, part(output, ROWS, -(-first // row_stride), chosen.shape[ROWS])))
        return commands


def _every(view: Operand, axis: int, stride: int, start: int) -> Operand:
    """Positions start, start + stride, ... along a dimension that does not wrap."""
    count = max(0, -(-(view.shape[axis] - start) // stride))
    shape = tuple(count if i == axis else extent for i, extent in enumerate(view.shape))
    strides = tuple(step * stride if i == axis else step for i, step in enumerate(view.strides))
    return replace(view, base=view.base + start * view.strides[axis], shape=shape, strides=strides)
