# SPDX-License-Identifier: Apache-2.0
"""What maximum and minimum share: stored values are compared, nothing is rescaled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import elementwise as isa
from npuc.isa.base import Instruction, Operand
from npuc.ops._checks import at_most_rank_4, dtype_is, element_types
from npuc.ops._views import broadcast
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Extremum(OpSpec):
    """y[p] = f(a[p], b[p]); shapes broadcast as numpy's: aligned right, extents equal or 1."""

    operand_names: ClassVar[tuple[str, ...]] = ("a", "b")
    kind: ClassVar[isa.ElementwiseKind]
    join: ClassVar[Callable[[np.ndarray, np.ndarray], np.ndarray]]

    def malformed(self) -> Iterator[str]:
        a, b = self.inputs
        yield from dtype_is("a", a, "i8", "i16", "i32")
        yield from dtype_is("b", b, a.dtype)
        try:
            np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            yield f"operands are {a} and {b}, wanted shapes that broadcast"

    def infer(self) -> TensorType:
        return TensorType(tuple(np.broadcast_shapes(*(tensor.shape for tensor in self.inputs))), self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(type(self).join(*inputs))

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def tile(self, region: Region) -> Tile:
        regions = tuple(
            tuple((0, 1) if extent == 1 else cut for extent, cut in zip(one.shape, region[len(region) - len(one.shape) :], strict=True))
            for one in self.inputs
        )
        types = tuple(region_type(tensor, cut) for tensor, cut in zip(self.inputs, regions, strict=True))
        return Tile(replace(self, inputs=types, output=region_type(self.output, region)), regions)

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8", "i16", "i32")
        yield from at_most_rank_4(self)

    @property
    def takes_bricks(self) -> bool:
        return True

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        a, b = (broadcast(view, output.shape) for view in inputs)
        return [isa.Elementwise(kind=self.kind, a=a, b=b, ofm=output)]
