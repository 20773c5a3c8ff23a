# SPDX-License-Identifier: Apache-2.0
"""softmax: over the last dimension, in integers, as TFLite's reference kernel computes it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import reduce, softmax
from npuc.isa.base import DType, Instruction, Operand
from npuc.numerics import tflite_wide
from npuc.numerics.softmax import exp_table, rounding_divide, softmax_norm
from npuc.ops._checks import ACTIVATIONS, at_most, at_most_rank_4, dtype_is, element_types, rank_is
from npuc.ops._views import blob_part
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target

# a term of the sum is e**0 = 2**31 - 1 divided by 2**12, so at most 2**19
SUM_SHIFT = 12
WIDTH_MAX = ((1 << 31) - 1) >> (31 - SUM_SHIFT)


@dataclass(frozen=True)
class Softmax(OpSpec):
    """y[..., c] = clamp(round(256 * e[c] / sum of e) - 128), e[c] = exp(scale * (x[..., c] - max of x)), in fixed point.

    input i8 -> i8 with scale 1/256 and zero point -128. The exponential comes from a table over the 256 differences; see
    `npuc.numerics.softmax` for every rounding. Or i16 -> i16 with scale 1/32768, as TFLite interpolates exponential and reciprocal:
    `npuc.numerics.tflite_wide`.
    """

    name: ClassVar[str] = "softmax"

    scale: float = param("beta times the real step of the input", 1.0)

    def malformed(self) -> Iterator[str]:
        yield from rank_is("input", self.inputs[0], *range(1, 7))
        yield from dtype_is("input", self.inputs[0], *ACTIVATIONS)
        if not (math.isfinite(self.scale) and self.scale > 0):
            yield f"scale is {self.scale}, wanted a finite value above 0"

    def infer(self) -> TensorType:
        return self.inputs[0]

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        if inputs[0].dtype == np.int16:
            return tflite_wide.softmax(inputs[0], self.scale)
        x = inputs[0].astype(np.int16)
        exps = exp_table(self.scale)[x.max(axis=-1, keepdims=True) - x]
        total = rounding_divide(exps, SUM_SHIFT).sum(axis=-1, keepdims=True)
        return softmax_norm(exps, total.astype(np.int32))

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape) - 1))

    def tile(self, region: Region) -> Tile:
        """Raises ValueError where the region cuts the last dimension."""
        if region[-1] != self.output.whole[-1]:
            raise ValueError("softmax is cut along its last dimension, wanted any other")
        part = region_type(self.inputs[0], region)
        return Tile(replace(self, inputs=(part,), output=part), (region,))

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8")
        yield from at_most_rank_4(self)
        yield from self._width()

    def _width(self) -> Iterator[Refusal]:
        """The sum of the exponentials has 12 integer bits."""
        yield from at_most("the sum of the exponentials has 12 integer bits", self.inputs[0].shape[-1], WIDTH_MAX)

    def _rows(self) -> int:
        return self.output.elements // self.output.shape[-1]

    def scratch_bytes(self, target: Target) -> int:
        """Exponentials and their sums in i32, the maxima in i8."""
        return 4 * self.output.elements + 5 * self._rows()

    def param_bytes(self) -> int:
        return 1024

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        return exp_table(self.scale).astype("<i4").tobytes()

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        whole = self.output.nhwc
        row = (*whole[:3], 1)
        exps = blob_part(scratch, 0, whole, DType.I32)
        sums = blob_part(scratch, 4 * self.output.elements, row, DType.I32)
        maxima = blob_part(scratch, 4 * self.output.elements + 4 * self._rows(), row)
        return [
            reduce.Reduce(kind=reduce.ReduceKind.MAX, ifm=inputs[0], ofm=maxima, reduce_c=1),
            softmax.SoftmaxExp(ifm=inputs[0], row_max=maxima, table=blob_part(params, 0, (1, 1, 1, 256), DType.I32), ofm=exps),
            reduce.Reduce(kind=reduce.ReduceKind.SUM, ifm=exps, ofm=sums, reduce_c=1, raw=1, pre_shift=SUM_SHIFT),
            softmax.SoftmaxNorm(exps=exps, row_sum=sums, ofm=output),
        ]
