# SPDX-License-Identifier: Apache-2.0
"""transpose: dimensions in another order (TOSA TRANSPOSE)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa.base import Instruction, Operand
from npuc.ops._layout import Movement, copy
from npuc.ops._views import ROWS, part, permuted, unwrapped
from npuc.ops.base import Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Transpose(Movement):
    """y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]: dimension k of y is dimension perm[k] of x. Any element type."""

    name: ClassVar[str] = "transpose"

    perm: tuple[int, ...] = param("dimension k of the result is dimension perm[k] of the input", ())

    def malformed(self) -> Iterator[str]:
        rank = len(self.inputs[0].shape)
        if sorted(self.perm) != list(range(rank)):
            yield f"perm is {self.perm}, wanted a permutation of 0..{rank - 1}"

    def infer(self) -> TensorType:
        return TensorType(tuple(self.inputs[0].shape[i] for i in self.perm), self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        # not ascontiguousarray: it gives a tensor without dimensions one
        return np.array(inputs[0].transpose(self.perm), order="C")

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def tile(self, region: Region) -> Tile:
        source = tuple(region[self.perm.index(i)] for i in range(len(self.perm)))
        return Tile(replace(self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region)), (source,))

    # what this machine makes of it -------------------------------------------------------------

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        shift = 4 - len(self.perm)
        order = (*range(shift), *(axis + shift for axis in self.perm))
        rows = order.index(ROWS)
        if rows == ROWS:
            return [copy(permuted(inputs[0], order), output)]
        # rows of the input that leave their place must lie in one piece
        return [copy(permuted(piece, order), part(output, rows, first, piece.shape[ROWS])) for first, piece in unwrapped(inputs[0])]
