# SPDX-License-Identifier: Apache-2.0
"""concat: tensors one after the other along a dimension (TOSA CONCAT; TFLite CONCATENATION)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa.base import BRICK, Instruction, Operand
from npuc.ops._layout import Movement, copy
from npuc.ops._views import part
from npuc.ops.base import Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Concat(Movement):
    """y = the inputs one after the other along `axis`; one element type, scale and zero point for all."""

    name: ClassVar[str] = "concat"
    operand_names: ClassVar[tuple[str, ...]] = ("inputs",)
    variadic: ClassVar[bool] = True

    axis: int = param("dimension along which the inputs follow one another", 3)

    def malformed(self) -> Iterator[str]:
        first = self.inputs[0]
        if not 0 <= self.axis < len(first.shape):
            yield f"axis is {self.axis}, wanted 0..{len(first.shape) - 1}"
            return
        for i, tensor in enumerate(self.inputs[1:], 1):
            if tensor.dtype != first.dtype or len(tensor.shape) != len(first.shape) or self._rest(tensor) != self._rest(first):
                yield f"operand {i} is {tensor}, wanted the type of operand 0, {first}, but for dimension {self.axis}"

    def _rest(self, tensor: TensorType) -> tuple[int, ...]:
        return (*tensor.shape[: self.axis], *tensor.shape[self.axis + 1 :])

    def infer(self) -> TensorType:
        first = self.inputs[0]
        extent = sum(tensor.shape[self.axis] for tensor in self.inputs)
        return TensorType((*first.shape[: self.axis], extent, *first.shape[self.axis + 1 :]), first.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.concatenate(inputs, self.axis)

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape))) - {self.axis}

    def tile(self, region: Region) -> Tile:
        """Raises ValueError where the region cuts `axis`."""
        if region[self.axis] != self.output.whole[self.axis]:
            raise ValueError(f"concat is cut along its axis {self.axis}, wanted any other dimension")
        regions = tuple((*region[: self.axis], (0, tensor.shape[self.axis]), *region[self.axis + 1 :]) for tensor in self.inputs)
        types = tuple(region_type(tensor, cut) for tensor, cut in zip(self.inputs, regions, strict=True))
        return Tile(replace(self, inputs=types, output=region_type(self.output, region)), regions)

    # what this machine makes of it -------------------------------------------------------------

    @property
    def takes_bricks(self) -> bool:
        return self.axis != len(self.output.shape) - 1 or all(tensor.shape[-1] % BRICK == 0 for tensor in self.inputs)

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        axis = self.axis + 4 - len(self.output.shape)
        commands, start = [], 0
        for view in inputs:
            commands.append(copy(view, part(output, axis, start, view.shape[axis])))
            start += view.shape[axis]
        return commands
