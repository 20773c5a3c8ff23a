# SPDX-License-Identifier: Apache-2.0
"""clamp: bounds on stored values (TOSA CLAMP); ReLU and its kin where no rescale before them can take the bounds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa import elementwise as isa
from npuc.isa.base import Instruction, Operand
from npuc.ops._checks import ACTIVATIONS, activation_types, at_most_rank_4, bounds_ok, dtype_is
from npuc.ops._elementwise import Map, clamp_fields
from npuc.ops.base import Refusal, param
from npuc.targets.base import Target


@dataclass(frozen=True)
class Clamp(Map):
    """y = min(max(x, lo), hi), x i8 or i16, the result of its type."""

    name: ClassVar[str] = "clamp"

    lo: int = param("least value", -128)
    hi: int = param("greatest value", 127)

    def malformed(self) -> Iterator[str]:
        wrong = list(dtype_is("input", self.inputs[0], *ACTIVATIONS))
        yield from wrong or bounds_ok(self.lo, self.hi, self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.clip(inputs[0], self.lo, self.hi)

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target)
        yield from at_most_rank_4(self)

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        return [isa.Elementwise(kind=isa.ElementwiseKind.RESCALE, a=inputs[0], ofm=output, **clamp_fields(self.lo, self.hi))]
