# SPDX-License-Identifier: Apache-2.0
"""rescale: integers of one scale to another (TOSA RESCALE; TFLite QUANTIZE on integers)."""

from collections.abc import Iterator
from dataclasses import dataclass
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

    x i8, ui8, i16 or i32 -> i8, ui8 or i16, one record for the tensor.
    """

    name: ClassVar[str] = "rescale"

    zp_x: int = param("zero point of the input", 0)
    rescale: numerics.Rescale = param("input to output, one record", numerics.Rescale((1 << 30,), (30,)))

    def malformed(self) -> Iterator[str]:
        wrong = [*dtype_is("input", self.inputs[0], *RANGES), *dtype_is("result", self.output, "i8", "ui8", "i16")]
        yield from wrong
        if not wrong:
            yield from in_range("zp_x", self.zp_x, self.inputs[0].dtype)
            yield from rescale_ok(self.rescale, (1,), self.output.dtype)

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return self.rescale.apply(inputs[0].astype(np.int64) - self.zp_x, NUMPY_DTYPES[self.output.dtype]).reshape(self.output.shape)

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8", "i16", "i32")
        yield from at_most_rank_4(self)
        yield from self._zero_point()

    def _zero_point(self) -> Iterator[Refusal]:
        """The zero point of the input is a 16-bit field."""
        if not -(1 << 15) <= self.zp_x < 1 << 15:
            yield Refusal("the zero point is a 16-bit field", str(self.zp_x), "-32768..32767")

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        kind = isa.ElementwiseKind.RESCALE
        return [isa.Elementwise(kind=kind, a=inputs[0], ofm=output, zp_a=self.zp_x, **rescale_fields(self.rescale))]
