# SPDX-License-Identifier: Apache-2.0
"""reshape: the same values in the same order under another shape (TOSA RESHAPE)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.errors import InternalError
from npuc.isa.base import Instruction, Operand
from npuc.ops._checks import at_most_rank_4
from npuc.ops._layout import copy
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile
from npuc.targets.base import Target


@dataclass(frozen=True)
class Reshape(OpSpec):
    """y = x, row-major order kept; the shape is that of the result. Any element type."""

    name: ClassVar[str] = "reshape"
    is_view: ClassVar[bool] = True

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        if self.output.elements != x.elements:
            yield f"result {self.output} has {self.output.elements} elements, wanted the {x.elements} of {x}"

    def infer(self) -> TensorType:
        return TensorType(self.output.shape, self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return inputs[0].reshape(self.output.shape)

    def tile(self, region: Region) -> Tile:
        """Raises ValueError unless the region is everything: a part of a shape is in general no part of another."""
        if region != self.output.whole:
            raise ValueError("reshape is cut, wanted whole")
        return Tile(self, (self.inputs[0].whole,))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,) if self.output.shape and self.output.shape[-1:] == self.inputs[0].shape[-1:] else ()

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from at_most_rank_4(self)

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        """Nothing where both lie at one place; else a copy of dense bytes.

        Raises:
            InternalError: an operand has gaps or lies in a ring, so that its order is not that of its bytes.
        """
        (source,) = inputs
        for view in (source, output):
            if view != Operand.dense(view.space, view.base, view.shape, view.dtype):
                raise InternalError("a reshape reads and writes dense tensors alone", found=view)
        if (source.space, source.base) == (output.space, output.base):
            return []
        elements = (1, 1, 1, output.elements)
        return [copy(*(Operand.dense(view.space, view.base, elements, view.dtype) for view in (source, output)))]
