# SPDX-License-Identifier: Apache-2.0
"""squared_difference: quantized, with broadcasting (TFLite SQUARED_DIFFERENCE)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import elementwise as isa
from npuc.isa.base import DType, Instruction, Operand
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import RANGES, dtype_is, element_types
from npuc.ops._elementwise import UNIT_SCALE, rescale_fields
from npuc.ops._sum import Sum
from npuc.ops._views import blob_part, broadcast
from npuc.ops.base import Refusal, TensorType
from npuc.targets.base import Target


@dataclass(frozen=True)
class SquaredDifference(Sum):
    """y = rescale(d * d), d = scale_a(a - zp_a) - scale_b(b - zp_b) in i16, scale(v) = ((v << left_shift) * multiplier + round) >> shift.

    a, b i8 -> i8, shapes broadcast. TFLite brings both to a scale of twice the greater one with 7 bits of headroom.
    """

    name: ClassVar[str] = "squared_difference"
    kind: ClassVar[isa.ElementwiseKind] = isa.ElementwiseKind.SUB

    def mistyped(self) -> Iterator[str]:
        for name, tensor in zip(self.operand_names, self.inputs, strict=True):
            yield from dtype_is(name, tensor, "i8")

    def infer(self) -> TensorType:
        return replace(super().infer(), dtype="i8")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        left, right = self.terms(*inputs)
        low, high = RANGES["i16"]
        return self.rescale.apply(np.clip(left - right, low, high) ** 2).reshape(self.output.shape)

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from super().limits(target)
        if "i16" not in target.element_types:
            yield from element_types(self, target, "i16")

    def scratch_bytes(self, target: Target) -> int:
        """The differences in i16."""
        return 2 * self.output.elements

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        a, b = (broadcast(view, output.shape) for view in inputs)
        low, high = RANGES["i16"]
        difference = blob_part(scratch, 0, self.output.nhwc, DType.I16)
        same = Rescale(UNIT_SCALE[:1], UNIT_SCALE[1:], 0, low, high, self.rescale.double_round)
        return [
            isa.Elementwise(
                kind=self.kind, a=a, b=b, ofm=difference, zp_a=self.zp_a, zp_b=self.zp_b, **self.input_scales(), **rescale_fields(same)
            ),
            isa.Elementwise(kind=isa.ElementwiseKind.MUL, a=difference, b=difference, ofm=output, **rescale_fields(self.rescale)),
        ]
