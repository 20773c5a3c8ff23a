# SPDX-License-Identifier: Apache-2.0
"""What the convolutions share: constant zero points, a bias for each channel, padding beyond the kernel, the rescale behind them."""

from dataclasses import dataclass, replace

import numpy as np
from torch_mlir import ir, rewrite

from npuc.dialects.base import spec_of
from npuc.ops import rescale as scalar
from npuc.ops._checks import ACTIVATIONS
from npuc.ops.rescale_channels import RescaleChannels
from npuc.passes.base import defining, replace_op, uses
from npuc.passes.convert_tosa_to_npu._match import Tosa

INPUT, WEIGHTS, BIAS, ZP_INPUT, ZP_WEIGHTS = range(5)


@dataclass(frozen=True)
class Convolution:
    """What a TOSA convolution reads.

    Attributes:
        bias: i32 or i64, one entry an output channel: the type of the sums.
    """

    x: ir.Value
    weights: ir.Value
    bias: ir.Value
    zp_x: int
    zp_w: int


def convolution(at: Tosa, channels: int) -> Convolution:
    """The operands of a convolution with i8 or i16 activations and i8 weights."""
    kinds = at.type(INPUT).dtype, at.type(WEIGHTS).dtype
    if kinds not in (("i8", "i8"), ("i16", "i8")):
        raise at.refuse(f"{at.name} takes i8 or i16 activations and i8 weights", " and ".join(kinds), "i8 or i16, and i8")
    zp_x, zp_w = at.number(ZP_INPUT, "input's zero point"), at.number(ZP_WEIGHTS, "weights' zero point")
    return Convolution(at.value(INPUT), at.value(WEIGHTS), _bias(at, channels), zp_x, zp_w)


def _bias(at: Tosa, channels: int) -> ir.Value:
    """One entry for all channels is written out."""
    if at.type(BIAS).shape != (1,) or channels == 1:
        return at.value(BIAS)
    return at.constant(np.broadcast_to(at.array(BIAS, "bias of one entry"), (channels,)))


def padded(at: Tosa, found: Convolution, reaches: tuple[int, ...], pads: tuple[int, ...]) -> tuple[ir.Value, tuple[int, ...]]:
    """The input and the padding that is left to the convolution, less than its reach; the rest becomes an npu.pad with the zero point.

    Args:
        reaches: positions from the first to the last tap, along H and W.
        pads: top, bottom, left, right.
    """
    inner = tuple(min(pad, reaches[i // 2] - 1) for i, pad in enumerate(pads))
    outer = tuple(pad - kept for pad, kept in zip(pads, inner, strict=True))
    if not any(outer):
        return found.x, inner
    return at.make("pad", [found.x], pads=(0, 0, *outer, 0, 0), value=found.zp_x), inner


def reaches(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Positions from the first to the last tap of a dilated kernel."""
    return tuple((taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True))


def take_rescale(view: ir.OpView, rewriter: rewrite.PatternRewriter, *producers: str) -> bool:
    """rescale(accumulators) -> the op with that rescale; the op must have no other reader.

    Args:
        producers: names of ops that give accumulators or, by their `rescale`, i8 or i16.
    """
    op = view.operation
    spec = spec_of(op)
    assert isinstance(spec, scalar.Rescale | RescaleChannels)
    producer = defining(op.operands[0], *producers)
    if producer is None or spec.output.dtype not in ACTIVATIONS or spec.zp_x or uses(producer.results[0]) != 1:
        return True
    before = spec_of(producer)
    if spec.inputs[0].dtype in ACTIVATIONS:
        return True
    made = replace(before, output=replace(before.output, dtype=spec.output.dtype), rescale=spec.rescale)  # type: ignore[call-arg]
    if any(made.problems()):
        # a record a channel where the op takes one alone
        return True
    replace_op(rewriter, op, made, list(producer.operands), producer)
    return False
