# SPDX-License-Identifier: Apache-2.0
"""What add.py and sub.py share."""

from dataclasses import dataclass

from torch_mlir import ir, rewrite

from npuc.ops import all_ops
from npuc.ops._sum import HEADROOM_BITS
from npuc.ops.rescale import Rescale
from npuc.passes.base import defining, replace_op
from npuc.passes.convert_tosa_to_npu._fuse import between, full_rescale, widened

_ONE = 1 << 30


@dataclass(frozen=True)
class Term:
    """An i8 on its way to a sum in i32: scale((x - zp) << left_shift).

    Attributes:
        scale: (multiplier, shift); None where nothing follows the left shift.
    """

    value: ir.Value
    widening: Rescale
    left_shift: int
    scale: tuple[int, int] | None
    double_round: bool


def fuse(name: str, view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """rescale(rescale(a) +- rescale(b)) -> npu.add or npu.sub; converters from TFLite shift left first and rescale then."""
    op = view.operation
    found = between(op, name)
    if found is None:
        return True
    after, middle = found
    a, b = (_term(value) for value in middle.operands)
    if a is None or b is None or any(term.scale and term.double_round != after.rescale.double_round for term in (a, b)):
        return True
    shifts = {term.left_shift for term in (a, b) if term.scale} or {max(a.left_shift, b.left_shift)}
    if len(shifts) > 1:
        return True
    (left_shift,) = shifts
    # a term without a scale of its own gets the rest of its shift as one, which is exact in either rounding
    scale_a, scale_b = (term.scale or (_ONE, 30 + left_shift - term.left_shift) for term in (a, b))
    spec = all_ops()[name].of(
        a.widening.inputs[0], b.widening.inputs[0], zp_a=a.widening.zp_x, zp_b=b.widening.zp_x, scale_a=scale_a, scale_b=scale_b,
        left_shift=left_shift, rescale=after.rescale,
    )  # fmt: skip
    replace_op(rewriter, op, spec, [a.value, b.value], middle)
    return False


def _term(value: ir.Value) -> Term | None:
    """What an operand of the sum is made of; None where it is anything else."""
    last = widened(value)
    if last is not None:
        x, spec = last
        (multiplier,), (shift,) = spec.rescale.multiplier, spec.rescale.shift
        if multiplier == _ONE and 30 - HEADROOM_BITS <= shift <= 30:
            return Term(x, spec, 30 - shift, None, spec.rescale.double_round)
        return Term(x, spec, 0, (multiplier, shift), spec.rescale.double_round)
    op = defining(value, "npu.rescale")
    second = full_rescale(op, "i32") if op is not None else None
    first = _term(op.operands[0]) if op is not None and second is not None and not second.zp_x else None
    if first is None or second is None or first.scale is not None:
        return None
    return Term(first.value, first.widening, first.left_shift, (second.rescale.multiplier[0], second.rescale.shift[0]), second.rescale.double_round)
