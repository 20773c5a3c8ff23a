# SPDX-License-Identifier: Apache-2.0
"""What maximum and minimum share: stored values are compared, nothing is rescaled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa import elementwise as isa
from npuc.isa.base import Instruction, Operand
from npuc.ops._checks import at_most_rank_4, dtype_is, element_types
from npuc.ops._elementwise import Pairwise
from npuc.ops._views import broadcast
from npuc.ops.base import Refusal, TensorType
from npuc.targets.base import Target


@dataclass(frozen=True)
class Extremum(Pairwise):
    """y[p] = a[p] or b[p], of i8, i16 or i32."""

    join: ClassVar[Callable[[np.ndarray, np.ndarray], np.ndarray]]

    def malformed(self) -> Iterator[str]:
        a, b = self.inputs
        yield from dtype_is("a", a, "i8", "i16", "i32")
        yield from dtype_is("b", b, a.dtype)
        yield from self.broadcast_problems()

    def infer(self) -> TensorType:
        return TensorType(self.shape, self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(type(self).join(*inputs))

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8", "i16", "i32")
        yield from at_most_rank_4(self)

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        a, b = (broadcast(view, output.shape) for view in inputs)
        return [isa.Elementwise(kind=self.kind, a=a, b=b, ofm=output)]
