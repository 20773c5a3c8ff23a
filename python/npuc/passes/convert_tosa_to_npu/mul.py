# SPDX-License-Identifier: Apache-2.0
"""The product of two activations, rescaled -> npu.mul."""

from torch_mlir import ir, rewrite

from npuc.dialects.base import tensor_type
from npuc.ops.mul import Mul
from npuc.passes.base import replace_op
from npuc.passes.convert_tosa_to_npu._fuse import between, is_neutral, widened


def _fuse(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """Of i8, or of what a rescale takes its zero point from and leaves as it is otherwise."""
    op = view.operation
    found = between(op, "mul")
    if found is None:
        return True
    after, middle = found
    values, zero_points = [], []
    for value in middle.operands:
        term = widened(value)
        if tensor_type(value.type).dtype == "i8":
            values.append(value)
            zero_points.append(0)
        elif term is not None and is_neutral(term[1]):
            values.append(term[0])
            zero_points.append(term[1].zp_x)
        else:
            return True
    types = [tensor_type(value.type) for value in values]
    spec = Mul.of(*types, zp_a=zero_points[0], zp_b=zero_points[1], rescale=after.rescale)
    replace_op(rewriter, op, spec, values, middle)
    return False


FUSIONS = (("npu.rescale", _fuse),)
