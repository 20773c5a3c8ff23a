# SPDX-License-Identifier: Apache-2.0
"""Makes one table of elementwise ops that together are a function of one i8: x * sigmoid(x), as SiLU arrives in two ops.

The root is an add, sub, mul, maximum, minimum or squared difference whose two sides are functions of the same tensor, or of one tensor
and a single constant, by way of tables, clamps and rescales, at least one of which nobody else reads. All 256 inputs are computed, so no
bit changes. A table is one pass over the tensor instead of two or more, and the op before it may take it up.
"""

from dataclasses import dataclass, replace

import numpy as np
from torch_mlir import ir, rewrite

from npuc.dialects.base import spec_of
from npuc.dialects.npu.ops.constant import build_constant
from npuc.ops import all_ops
from npuc.ops._elementwise import Pairwise
from npuc.ops.base import TensorType
from npuc.ops.table import Table
from npuc.passes.base import Pass, apply_patterns, constant_value, defining, replace_op, uses
from npuc.passes.npu_fuse_rescales import function_of


@dataclass(frozen=True)
class NpuTabulate(Pass):
    def run(self, module: ir.Module) -> None:
        names = [f"npu.{name}" for name, cls in all_ops().items() if issubclass(cls, Pairwise)]
        apply_patterns(module, *((name, _tabulate) for name in names))


@dataclass(frozen=True)
class _Step:
    """One side of the root as a function of an earlier value.

    Attributes:
        value: what it is a function of.
        entries: f(-128) ... f(127).
        saved: ops between the two that nobody else reads.
    """

    value: ir.Value
    entries: np.ndarray
    saved: int


def _tabulate(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    spec = spec_of(op)
    if spec.output.dtype != "i8" or any(tensor.dtype != "i8" for tensor in spec.inputs):
        return True
    found = _source(op, spec.output)
    if found is None:
        return True
    source, sides = found
    small = replace(spec, inputs=(TensorType((256,), "i8"),) * 2, output=TensorType((256,), "i8"))
    with rewriter.ip:
        table = build_constant(small.reference(*sides), loc=op.location)
    replace_op(rewriter, op, Table.of(spec.output, TensorType((256,), "i8")), [source, table])
    return False


def _source(op: ir.Operation, output: TensorType) -> tuple[ir.Value, list[np.ndarray]] | None:
    """The latest value that both sides are functions of, and the functions; None where that would save no op."""
    sides = [_steps(value, output) for value in op.operands]
    known = [constant_value(value) for value in op.operands]
    for position, array in enumerate(known):
        if array is not None and array.size == 1:
            # a constant is a function of anything
            last = max(sides[1 - position], key=lambda step: step.saved, default=None)
            if last is None or not last.saved:
                return None
            both = [last.entries, np.full(256, array.reshape(-1)[0], np.int8)]
            return last.value, both[:: 1 if position else -1]
    for left in sides[0]:
        for right in sides[1]:
            if left.value == right.value:
                return (left.value, [left.entries, right.entries]) if left.saved + right.saved else None
    return None


def _steps(value: ir.Value, output: TensorType) -> list[_Step]:
    """`value` as a function of itself, of what the op before it reads, and so on."""
    if constant_value(value) is not None:
        return []
    steps = [_Step(value, np.arange(-128, 128, dtype=np.int8), 0)]
    while True:
        op, last = defining(value), steps[-1]
        inner = function_of(op)
        if op is None or inner is None:
            break
        # an op that others read stays, and with it all before it
        alone = last.saved == len(steps) - 1 and uses(value) == 1
        value = op.operands[0]
        steps.append(_Step(value, last.entries[inner.astype(int) + 128], last.saved + alone))
    return [step for step in steps if tuple(ir.RankedTensorType(step.value.type).shape) == output.shape]
