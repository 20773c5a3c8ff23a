# SPDX-License-Identifier: Apache-2.0
"""Removes `npu.rescale` where that changes no bit.

- A rescale that maps every value to itself goes; one that only cuts at its bounds becomes `npu.clamp`. All 256 inputs are tried.
- A rescale that only moves the zero point, x -> x + d for every value its producer can give, goes into the zero point of a
  convolution, fully connected layer, add, sub or mul that reads it: (x + d) - zp = x - (zp - d).
- A rescale, clamp or table next to a table becomes part of the table: both are functions of 256 values.

A rescale after an accumulator stays: two roundings are not one, and bits would change.
"""

from dataclasses import dataclass, replace

import numpy as np
from torch_mlir import ir, rewrite

from npuc.dialects.base import spec_class, spec_of
from npuc.dialects.npu.ops.constant import build_constant
from npuc.ops._checks import RANGES
from npuc.ops.base import OpSpec, TensorType
from npuc.ops.clamp import Clamp
from npuc.ops.rescale import Rescale
from npuc.ops.table import Table
from npuc.passes.base import Pass, apply_patterns, constant_value, defining, replace_op, uses
from npuc.passes.npu_fuse_activations import bounds

# op -> the zero point that each operand has
_ZERO_POINTS = {
    "npu.conv2d": {0: "zp_x"},
    "npu.depthwise_conv2d": {0: "zp_x"},
    "npu.fully_connected": {0: "zp_x"},
    "npu.add": {0: "zp_a", 1: "zp_b"},
    "npu.sub": {0: "zp_a", 1: "zp_b"},
    "npu.mul": {0: "zp_a", 1: "zp_b"},
}
_MAPS = ("npu.rescale", "npu.clamp", "npu.table")


@dataclass(frozen=True)
class NpuFuseRescales(Pass):
    def run(self, module: ir.Module) -> None:
        consumers = [(name, _take_zero_point) for name in _ZERO_POINTS]
        apply_patterns(
            module, ("npu.rescale", _drop), ("npu.table", _into_table), *((name, _after_table) for name in _MAPS[:2]), *consumers
        )


def _drop(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    spec = spec_of(op)
    assert isinstance(spec, Rescale)
    if spec.inputs[0].dtype != "i8" or spec.output.dtype != "i8":
        return True
    inputs = np.arange(-128, 128, dtype=np.int8)
    lo, hi = spec.rescale.lo, spec.rescale.hi
    if not np.array_equal(_values(spec, inputs), np.clip(inputs, lo, hi)):
        return True
    if (lo, hi) == RANGES["i8"]:
        rewriter.replace_op(op, [op.operands[0]])
        return False
    replace_op(rewriter, op, Clamp.of(spec.inputs[0], lo=lo, hi=hi), [op.operands[0]])
    return False


def _take_zero_point(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    for index, name in _ZERO_POINTS[op.name].items():
        before = defining(op.operands[index], "npu.rescale")
        if before is None:
            continue
        move = _move(before)
        zero_point = getattr(spec_of(op), name) - (move or 0)
        low, high = RANGES["i8"]
        if move is None or not low <= zero_point <= high:
            continue
        operands = list(op.operands)
        operands[index] = before.operands[0]
        replace_op(rewriter, op, replace(spec_of(op), **{name: zero_point}), operands)
        return False
    return True


def _move(op: ir.Operation) -> int | None:
    """d where the rescale is x -> x + d for every value that its producer can give; None where it is anything else."""
    spec = spec_of(op)
    if spec.inputs[0].dtype != "i8" or spec.output.dtype != "i8":
        return None
    producer = defining(op.operands[0])
    low, high = RANGES["i8"]
    if producer is not None and spec_class(producer) is not None:
        low, high = bounds(spec_of(producer))
    inputs = np.arange(low, high + 1, dtype=np.int8)
    moves = _values(spec, inputs).astype(int) - inputs
    return int(moves[0]) if (moves == moves[0]).all() else None


def _into_table(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """table(f(x)) -> table'(x), f any function of one i8."""
    op = view.operation
    before, entries = defining(op.operands[0], *_MAPS), constant_value(op.operands[1])
    inner = function_of(before)
    if before is None or entries is None or inner is None:
        return True
    return _make_table(rewriter, op, before.operands[0], entries[inner.astype(int) + 128])


def _after_table(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """f(table(x)) -> table'(x)."""
    op = view.operation
    before, outer = defining(op.operands[0], "npu.table"), function_of(op)
    inner = function_of(before)
    if before is None or inner is None or outer is None or uses(before.results[0]) != 1:
        return True
    return _make_table(rewriter, op, before.operands[0], outer[inner.astype(int) + 128], before)


def _make_table(rewriter: rewrite.PatternRewriter, op: ir.Operation, x: ir.Value, entries: np.ndarray, *more: ir.Operation) -> bool:
    with rewriter.ip:
        table = build_constant(np.ascontiguousarray(entries), loc=op.location)
    spec = spec_of(op)
    replace_op(rewriter, op, Table.of(spec.inputs[0], TensorType((256,), "i8")), [x, table], *more)
    return False


def function_of(op: ir.Operation | None) -> np.ndarray | None:
    """f(-128) ... f(127) of a rescale, clamp or table of one i8 to one i8, None of any other op, or where the table is not known yet."""
    if op is None or op.name not in _MAPS:
        return None
    spec = spec_of(op)
    if spec.inputs[0].dtype != "i8" or spec.output.dtype != "i8":
        return None
    others = [constant_value(value) for value in list(op.operands)[1:]]
    if any(array is None for array in others):
        return None
    return _values(spec, np.arange(-128, 128, dtype=np.int8), *others)


def _values(spec: OpSpec, inputs: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """The reference of a map on other inputs than the op's."""
    kind = TensorType(inputs.shape, spec.inputs[0].dtype)
    small = replace(spec, inputs=(kind, *spec.inputs[1:]), output=TensorType(inputs.shape, spec.output.dtype))
    return small.reference(inputs, *others)
