# SPDX-License-Identifier: Apache-2.0
"""fully_connected: a matrix of inputs times constant weights (TFLite FULLY_CONNECTED); a 1x1 convolution on the machine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import conv2d as isa
from npuc.isa.base import Instruction, Operand
from npuc.numerics import kernels
from npuc.numerics.rescale import Rescale
from npuc.ops import _conv
from npuc.ops._checks import activation_types, rank_is
from npuc.ops._views import pack_records, records_view
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class FullyConnected(OpSpec):
    """y[n,o] = rescale(bias[o] + sum over k of (x[n,k] - zp_x) * (w[o,k] - zp_w)).

    input i8 or i16 [N, K], weights i8 [O, K], bias i32 or i64 [O] -> i8 or i16 [N, O]; or -> the bias's type: the sums, and the rescale has
    no meaning.
    """

    name: ClassVar[str] = "fully_connected"
    operand_names: ClassVar[tuple[str, ...]] = ("input", "weights", "bias")
    param_operands: ClassVar[tuple[int, ...]] = (1, 2)

    zp_x: int = param("zero point of the input", 0)
    zp_w: int = param("zero point of the weights", 0)
    rescale: Rescale = param("accumulator to output, one record or one for each output channel", Rescale((1 << 30,), (30,)))

    def malformed(self) -> Iterator[str]:
        x, weights, bias = self.inputs
        ranks = [*rank_is("input", x, 2), *rank_is("weights", weights, 2)]
        yield from ranks
        if ranks:
            return
        yield from _conv.operand_problems(self.inputs, self.output, weights.shape[0], self.zp_x, self.zp_w, self.rescale)
        if weights.shape[1] != x.shape[1]:
            yield f"weights have {weights.shape[1]} input channels, wanted the input's {x.shape[1]}"

    def infer(self) -> TensorType:
        return TensorType((self.inputs[0].shape[0], self.inputs[1].shape[0]), self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        x, weights, bias = inputs
        acc = (kernels.matmul_acc(x[None], weights.T[None], self.zp_x, self.zp_w)[0].astype(np.int64) + bias).astype(bias.dtype)
        if _conv.is_accumulators(self.output):
            return acc
        apply = self.rescale.apply_wide if acc.dtype == np.int64 and not self.rescale.double_round else self.rescale.apply
        return apply(acc, NUMPY_DTYPES[self.output.dtype])

    @property
    def splits(self) -> frozenset[int]:
        return frozenset({0, 1})

    def tile(self, region: Region) -> Tile:
        images, channels = region
        depth = (0, self.inputs[0].shape[1])
        regions = ((images, depth), (channels, depth), (channels,))
        types = tuple(region_type(tensor, cut) for tensor, cut in zip(self.inputs, regions, strict=True))
        return Tile(replace(self, inputs=types, output=region_type(self.output, region), rescale=self.rescale.channels(*channels)), regions)

    def macs(self) -> int:
        return self.inputs[0].shape[0] * self.inputs[1].elements

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target, "i32")

    def limits_with_params(self, target: Target, weights: np.ndarray, bias: np.ndarray) -> Iterator[Refusal]:
        """See `accumulator_limits`."""
        yield from _conv.accumulator_limits(self.inputs[0], weights, bias, self.zp_x, self.zp_w)

    def param_bytes(self) -> int:
        return _conv.param_bytes(self.output.shape[1], self.inputs[1])

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        weights, bias = arrays
        return pack_records(self.rescale, bias) + weights.tobytes()

    def pack_for(self, target: Target, *arrays: np.ndarray) -> bytes:
        weights, bias = arrays
        return _conv.packed_params(pack_records(self.rescale, bias), weights[:, None, None, :], self.zp_w, target, cut=False)

    def array_cycles(self, target: Target) -> int:
        out = 1, self.output.shape[0], self.output.shape[1]
        return _conv.steps(self.inputs[0], target) * target.array.conv2d_cycles(out, out, self.inputs[1].shape[1], (1, 1))

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        channels, depth = self.inputs[1].shape
        weights = _conv.weights_part(params, channels, (channels, 1, 1, depth))
        instruction = isa.Conv2d(
            ifm=inputs[0], weights=weights.view, scales=records_view(params, channels), ofm=output,
            packed=weights.packed, kernel_h=weights.kernel_h, kernel_w=weights.kernel_w,
            zp_x=self.zp_x, zp_w=self.zp_w, zp_out=self.rescale.zp_out, lo=self.rescale.lo, hi=self.rescale.hi,
            double_round=int(self.rescale.double_round),
        )  # fmt: skip
        return [instruction.blocked(target)]
