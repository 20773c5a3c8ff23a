# SPDX-License-Identifier: Apache-2.0
"""matmul: the product of two activations, batched (TOSA MATMUL and RESCALE; TFLite BATCH_MATMUL)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import matmul as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics import kernels
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import ACTIVATIONS, at_most, dtype_is, element_types, in_range, rank_is, rescale_ok
from npuc.ops._conv import I32_MAX, is_accumulators
from npuc.ops._views import broadcast, part, permuted
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Matmul(OpSpec):
    """y[..., m, n] = rescale(sum over k of (a[..., m, k] - zp_a) * (b[..., k, n] - zp_b)).

    a i8 [..., M, K] (with transpose_a [..., K, M]), b i8 [..., K, N] (with transpose_b [..., N, K]) -> i8 [..., M, N], rank 2 to 4; or -> i32: the
    sums, and the rescale has no meaning. Or all i16, and the sums i64.
    Batch dimensions are equal, or 1 on one side.
    """

    name: ClassVar[str] = "matmul"
    operand_names: ClassVar[tuple[str, ...]] = ("a", "b")

    transpose_a: bool = param("a arrives as [..., K, M]", False)
    transpose_b: bool = param("b arrives as [..., N, K]", False)
    zp_a: int = param("zero point of a", 0)
    zp_b: int = param("zero point of b", 0)
    rescale: Rescale = param("accumulator to output, one record", Rescale((1 << 30,), (30,)))

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        """M, K of a and K, N of b."""
        m, k = self.inputs[0].shape[:-3:-1] if self.transpose_a else self.inputs[0].shape[-2:]
        depth, n = self.inputs[1].shape[:-3:-1] if self.transpose_b else self.inputs[1].shape[-2:]
        return m, k, depth, n

    def malformed(self) -> Iterator[str]:
        a, b = self.inputs
        ranks = [*rank_is("a", a, 2, 3, 4), *rank_is("b", b, 2, 3, 4)]
        yield from ranks
        if ranks:
            return
        wrong = [*dtype_is("a", a, *ACTIVATIONS), *dtype_is("b", b, a.dtype)]
        yield from wrong
        if wrong:
            return
        for name, zero_point in (("zp_a", self.zp_a), ("zp_b", self.zp_b)):
            yield from in_range(name, zero_point, a.dtype)
        yield from dtype_is("result", self.output, a.dtype, "i64" if a.dtype == "i16" else "i32")
        yield from rescale_ok(self.rescale, (1,), a.dtype)
        if len(a.shape) != len(b.shape):
            yield f"operands have ranks {len(a.shape)} and {len(b.shape)}, wanted the same"
            return
        if any(x != y and 1 not in (x, y) for x, y in zip(a.shape[:-2], b.shape[:-2], strict=True)):
            yield f"batch dimensions are {a.shape[:-2]} and {b.shape[:-2]}, wanted equal or 1"
        _, k, depth, _ = self._sizes
        if k != depth:
            yield f"a has {k} columns and b {depth} rows, wanted as many"

    def infer(self) -> TensorType:
        batch = tuple(max(x, y) for x, y in zip(self.inputs[0].shape[:-2], self.inputs[1].shape[:-2], strict=True))
        return TensorType((*batch, self._sizes[0], self._sizes[3]), self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        a, b = inputs
        left = np.swapaxes(a, -1, -2) if self.transpose_a else a
        right = np.swapaxes(b, -1, -2) if self.transpose_b else b
        acc = kernels.matmul_acc(left, right, self.zp_a, self.zp_b)
        return acc if is_accumulators(self.output) else self.rescale.apply(acc, NUMPY_DTYPES[self.output.dtype])

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape)))

    def tile(self, region: Region) -> Tile:
        *batch, rows, columns = region
        depth = (0, self._sizes[1])
        left = (depth, rows) if self.transpose_a else (rows, depth)
        right = (columns, depth) if self.transpose_b else (depth, columns)
        regions = []
        for tensor, last in zip(self.inputs, (left, right), strict=True):
            regions.append((*((0, 1) if extent == 1 else cut for extent, cut in zip(tensor.shape, batch, strict=False)), *last))
        types = tuple(region_type(tensor, cut) for tensor, cut in zip(self.inputs, regions, strict=True))
        return Tile(replace(self, inputs=types, output=region_type(self.output, region)), tuple(regions))

    def macs(self) -> int:
        return self.output.elements * self._sizes[1]

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8", "i32")
        yield from self._accumulator()

    def _accumulator(self) -> Iterator[Refusal]:
        """The i32 accumulator must hold K * max |a - zp_a| * max |b - zp_b|."""
        reach = max(self.zp_a + 128, 127 - self.zp_a) * max(self.zp_b + 128, 127 - self.zp_b)
        yield from at_most("the accumulator of a product fits i32", self._sizes[1] * reach, I32_MAX)

    def array_cycles(self, target: Target) -> int:
        *batch, m, n = self.output.shape
        rows = min(target.array.granule[0], m)
        out = rows, -(-m // rows), n
        return int(np.prod(batch, dtype=np.int64)) * target.array.conv2d_cycles(out, out, self._sizes[1], (1, 1))

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        outer, batch, _, _ = output.shape
        commands = []
        for image in range(outer):
            a, b = (self._factor(view, image, batch, flag) for view, flag in zip(inputs, (self.transpose_a, self.transpose_b), strict=True))
            instruction = isa.Matmul(
                a=a, b=b, ofm=part(output, 0, image, 1), zp_a=self.zp_a, zp_b=self.zp_b,
                multiplier=self.rescale.multiplier[0], shift=self.rescale.shift[0], zp_out=self.rescale.zp_out,
                lo=self.rescale.lo, hi=self.rescale.hi, double_round=int(self.rescale.double_round),
            )  # fmt: skip
            commands.append(instruction.blocked(target))
        return commands

    @staticmethod
    def _factor(view: Operand, image: int, batch: int, transposed: bool) -> Operand:
        """[1, batch, rows, columns] of one image, transposed and broadcast by strides."""
        one = part(view, 0, image if view.shape[0] > 1 else 0, 1)
        if transposed:
            one = permuted(one, (0, 1, 3, 2))
        return broadcast(one, (1, batch, one.shape[2], one.shape[3]))
