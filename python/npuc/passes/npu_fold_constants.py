# SPDX-License-Identifier: Apache-2.0
"""Computes at compile time what depends on constants alone.

Any npu op whose operands are all `npu.constant` becomes an `npu.constant` of its reference's value: transposed or reshaped weights,
padded or quantized tables. A result larger than its operands and larger than `max-kib` stays an op (a broadcast or a pad would
blow the program up), and so does an op that has no value for these operands.
"""

from dataclasses import dataclass

import numpy as np
from torch_mlir import ir, rewrite

from npuc.dialects.base import spec_of
from npuc.dialects.npu.ops.constant import build_constant
from npuc.passes.base import Pass, apply_patterns, constant_value, is_constant, option, spec_ops

_KIB = 1024


@dataclass(frozen=True)
class NpuFoldConstants(Pass):
    max_kib: int = option("a folded result larger than this and than its operands stays an op", default=1024)

    def run(self, module: ir.Module) -> None:
        def fold(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
            return _fold(op.operation, rewriter, self.max_kib * _KIB)

        apply_patterns(module, *((name, fold) for name in spec_ops()))


def _fold(op: ir.Operation, rewriter: rewrite.PatternRewriter, max_bytes: int) -> bool:
    if not all(is_constant(value) for value in op.operands):
        return True
    spec = spec_of(op)
    if spec.output.bytes > max(max_bytes, sum(tensor.bytes for tensor in spec.inputs)):
        return True
    try:
        result = spec.reference(*(constant_value(value) for value in op.operands))
    except ValueError:
        # no such value: an index outside, a division by 0. That is an error for who runs it
        return True
    with rewriter.ip:
        # not ascontiguousarray: it gives a tensor without dimensions one
        made = build_constant(np.array(result, order="C"), loc=op.location)
    rewriter.replace_op(op, [made])
    return False
