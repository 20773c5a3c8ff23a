# SPDX-License-Identifier: Apache-2.0
"""mean: the average over whole dimensions, rescaled once (TFLite MEAN; PyTorch mean and adaptive average pooling to 1x1)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import reduce as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import ACTIVATIONS, RANGES, activation_types, at_most_rank_4, dtype_is, in_range, rank_is, rescale_ok
from npuc.ops._elementwise import rescale_fields
from npuc.ops._reduction import along, cut_reduction, kept_splits, reduced_shape
from npuc.ops.base import OpSpec, Refusal, Region, TensorType, Tile, param
from npuc.targets.base import Target


@dataclass(frozen=True)
class Mean(OpSpec):
    """y[rest] = rescale(sum over axes of (x - zp_x)); the real scale of the rescale is scale_in / (scale_out * count).

    input i8 or i16, the result of its type; `axes` in ascending order, kept with extent 1 where keepdims.
    """

    name: ClassVar[str] = "mean"

    axes: tuple[int, ...] = param("dimensions averaged over, ascending", (1, 2))
    keepdims: bool = param("they stay, with extent 1", True)
    zp_x: int = param("zero point of the input", 0)
    rescale: Rescale = param("sum to output, one record", Rescale((1 << 30,), (30,)))

    def malformed(self) -> Iterator[str]:
        shape = self.inputs[0].shape
        yield from rank_is("input", self.inputs[0], *range(1, 7))
        yield from dtype_is("input", self.inputs[0], *ACTIVATIONS)
        dtype = self.inputs[0].dtype if self.inputs[0].dtype in ACTIVATIONS else ACTIVATIONS[0]
        if not self.axes or list(self.axes) != sorted(set(self.axes)) or not 0 <= self.axes[0] <= self.axes[-1] < len(shape):
            yield f"axes are {self.axes}, wanted ascending dimensions within 0..{len(shape) - 1}"
        yield from in_range("zp_x", self.zp_x, dtype)
        yield from rescale_ok(self.rescale, (1,), dtype)

    def infer(self) -> TensorType:
        return TensorType(reduced_shape(self.inputs[0].shape, self.axes, self.keepdims), self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        total = (inputs[0].astype(np.int64) - self.zp_x).sum(axis=self.axes, keepdims=self.keepdims)
        return self.rescale.apply(total, inputs[0].dtype.type).reshape(self.output.shape)

    @property
    def _count(self) -> int:
        return int(np.prod([self.inputs[0].shape[i] for i in self.axes], dtype=np.int64))

    @property
    def splits(self) -> frozenset[int]:
        return kept_splits(len(self.output.shape), self.axes, self.keepdims)

    def tile(self, region: Region) -> Tile:
        source, types = cut_reduction(self.inputs[0], self.output, region, self.axes, self.keepdims)
        return Tile(replace(self, inputs=types[:1], output=types[1]), (source,))

    @property
    def channelwise(self) -> tuple[int, ...]:
        return (0,) if len(self.inputs[0].shape) - 1 not in self.axes else ()

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target)
        yield from at_most_rank_4(self)
        yield from self._axes_reachable()
        yield from self._accumulator()

    def _axes_reachable(self) -> Iterator[Refusal]:
        """A reduction runs over rows, columns or channels, never over the batch of a rank-4 tensor."""
        if len(self.inputs[0].shape) == 4 and 0 in self.axes:
            yield Refusal("a reduction runs over rows, columns or channels", str(self.axes), "axes within 1..3")

    def _accumulator(self) -> Iterator[Refusal]:
        """The sum fits i32."""
        low, high = RANGES[self.inputs[0].dtype]
        largest = self._count * max(self.zp_x - low, high - self.zp_x)
        if largest > (1 << 31) - 1:
            yield Refusal("the sum fits i32", str(largest), "at most 2147483647")

    @property
    def takes_bricks(self) -> bool:
        # without its reduced dimensions the result's stand elsewhere
        return len(self.inputs[0].shape) - 1 not in self.axes and (self.keepdims or self.output.nhwc[1:3] == (1, 1))

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        shift = 4 - len(self.inputs[0].shape)
        reduced = tuple(axis + shift for axis in self.axes)
        return [self._command(ifm, ofm, reduced) for ifm, ofm in along(inputs[0], output, reduced)]

    def _command(self, ifm: Operand, ofm: Operand, reduced: tuple[int, ...]) -> Instruction:
        return isa.Reduce(
            kind=isa.ReduceKind.SUM, ifm=ifm, ofm=ofm, reduce_h=int(1 in reduced), reduce_w=int(2 in reduced), reduce_c=int(3 in reduced),
            zp_x=self.zp_x, **rescale_fields(self.rescale),
        )  # fmt: skip
