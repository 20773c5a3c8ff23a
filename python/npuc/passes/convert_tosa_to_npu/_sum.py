# SPDX-License-Identifier: Apache-2.0
"""What add.py and sub.py share."""

from torch_mlir import ir, rewrite

from npuc.ops import all_ops
from npuc.passes.base import defining, replace_op
from npuc.passes.convert_tosa_to_npu._fuse import between, widened


def fuse(name: str, view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """rescale(rescale(a) +- rescale(b)) -> npu.add or npu.sub."""
    op = view.operation
    found = between(op, name)
    if found is None:
        return True
    after, middle = found
    terms = [widened(value, after.rescale.double_round) for value in middle.operands]
    if None in terms:
        return True
    (a, first), (b, second) = terms  # type: ignore[misc]
    if any(double != after.rescale.double_round for double in (first.rescale.double_round, second.rescale.double_round)):
        return True
    scales = {f"scale_{key}": (spec.rescale.multiplier[0], spec.rescale.shift[0]) for key, spec in (("a", first), ("b", second))}
    spec = all_ops()[name].of(first.inputs[0], second.inputs[0], zp_a=first.zp_x, zp_b=second.zp_x, rescale=after.rescale, **scales)
    before = [maker for value in middle.operands if (maker := defining(value)) is not None]
    replace_op(rewriter, op, spec, [a, b], middle, *before)
    return False
