# SPDX-License-Identifier: Apache-2.0
"""rescale: integers of one scale to another (TOSA RESCALE; TFLite QUANTIZE on integers)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import elementwise as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics import rescale as numerics
from npuc.ops._checks import RANGES, at_most_rank_4, dtype_is, element_types, in_range, rescale_ok
from npuc.ops._elementwise import Map, rescale_fields
from npuc.ops.base import NUMPY_DTYPES, Refusal, TensorType, param
from npuc.targets.base import Target


@dataclass(frozen=True)
class Rescale(Map):
    """y = clamp((((x - zp_x) * m + round) >> s) + zp_out, lo, hi).

    x i8, ui8, i16, i32 or i64 (a 48-bit accumulator) -> i8, ui8, i16 or i32, one record for the tensor.
    """

    name: ClassVar[str] = "rescale"

    zp_x: int = param("zero point of the input", 0)
    rescale: numerics.Rescale = param("input to output, one record", numerics.Rescale((1 << 30,), (30,)))

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        wrong = [*dtype_is("input", x, *RANGES, "i64"), *dtype_is("result", self.output, "i8", "ui8", "i16", "i32")]
        yield from wrong
        if wrong:
            return
        if x.dtype == "i64" and self.zp_x:
            yield f"zp_x is {self.zp_x}, wanted 0 for an accumulator"
        elif x.dtype != "i64":
            yield from in_range("zp_x", self.zp_x, x.dtype)
        yield from rescale_ok(self.rescale, (1,), self.output.dtype)

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return self.rescale.apply(inputs[0].astype(np.int64) - self.zp_x, NUMPY_DTYPES[self.output.dtype]).reshape(self.output.shape)

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8", "i16", "i32", "ui8")
        yield from at_most_rank_4(self)
        yield from self._zero_point()
        yield from self._unbounded()

    def _zero_point(self) -> Iterator[Refusal]:
        """The zero point of the input is a 16-bit field."""
        if not -(1 << 15) <= self.zp_x < 1 << 15:
            yield Refusal("the zero point is a 16-bit field", str(self.zp_x), "-32768..32767")

    def _unbounded(self) -> Iterator[Refusal]:
        """An i32 result saturates at its own limits, without a zero point."""
        full = numerics.Rescale(self.rescale.multiplier, self.rescale.shift, 0, *RANGES["i32"], self.rescale.double_round)
        if self.output.dtype == "i32" and self.rescale != full:
            found = f"{self.rescale.lo}..{self.rescale.hi}, zero point {self.rescale.zp_out}"
            yield Refusal("an i32 result has no bounds and no zero point", found, "the limits of i32, zero point 0")

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        kind = isa.ElementwiseKind.RESCALE
        # the fields for bounds are i16; an i32 result does not look at them
        fields = rescale_fields(self.rescale if self.output.dtype != "i32" else replace(self.rescale, lo=-128, hi=127))
        return [isa.Elementwise(kind=kind, a=inputs[0], ofm=output, zp_a=self.zp_x, **fields)]
