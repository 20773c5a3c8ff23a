# SPDX-License-Identifier: Apache-2.0
"""reduce_max: the greatest stored value over whole dimensions (TOSA REDUCE_MAX; TFLite REDUCE_MAX)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import reduce as isa
from npuc.isa.base import Instruction, Operand
from npuc.ops._checks import RANGES, at_most_rank_4, dtype_is, element_types, rank_is
from npuc.ops._reduction import along, cut_reduction, kept_splits, reduced_shape
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, param
from npuc.targets.base import Target


@dataclass(frozen=True)
class ReduceMax(OpSpec):
    """y[rest] = max over axes of x, stored values; i8 or i16, the result has the input's type, scale and zero point."""

    name: ClassVar[str] = "reduce_max"

    axes: tuple[int, ...] = param("dimensions searched, ascending", (1, 2))
    keepdims: bool = param("they stay, with extent 1", True)

    def malformed(self) -> Iterator[str]:
        shape = self.inputs[0].shape
        yield from rank_is("input", self.inputs[0], *range(1, 7))
        yield from dtype_is("input", self.inputs[0], "i8", "i16")
        if not self.axes or list(self.axes) != sorted(set(self.axes)) or not 0 <= self.axes[0] <= self.axes[-1] < len(shape):
            yield f"axes are {self.axes}, wanted ascending dimensions within 0..{len(shape) - 1}"

    def infer(self) -> TensorType:
        return TensorType(reduced_shape(self.inputs[0].shape, self.axes, self.keepdims), self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(inputs[0].max(axis=self.axes, keepdims=self.keepdims))

    @property
    def splits(self) -> frozenset[int]:
        return kept_splits(len(self.output.shape), self.axes, self.keepdims)

    def tile(self, region: Region) -> Tile:
        source, types = cut_reduction(self.inputs[0], self.output, region, self.axes, self.keepdims)
        return Tile(replace(self, inputs=types[:1], output=types[1]), (source,))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,) if len(self.inputs[0].shape) - 1 not in self.axes else ()

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8", "i16")
        yield from at_most_rank_4(self)
        yield from self._axes_reachable()

    def _axes_reachable(self) -> Iterator[Refusal]:
        """A reduction runs over rows, columns or channels, never over the batch of a rank-4 tensor."""
        if len(self.inputs[0].shape) == 4 and 0 in self.axes:
            yield Refusal("a reduction runs over rows, columns or channels", str(self.axes), "axes within 1..3")

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        lo, hi = RANGES[self.output.dtype]
        shift = 4 - len(self.inputs[0].shape)
        reduced = tuple(axis + shift for axis in self.axes)
        return [
            isa.Reduce(
                kind=isa.ReduceKind.MAX, ifm=ifm, ofm=ofm, reduce_h=int(1 in reduced), reduce_w=int(2 in reduced), reduce_c=int(3 in reduced),
                lo=lo, hi=hi,
            )
            for ifm, ofm in along(inputs[0], output, reduced)
        ]  # fmt: skip
