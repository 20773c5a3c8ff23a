# SPDX-License-Identifier: Apache-2.0
"""Turns NCHW graphs into NHWC: transposes meet and cancel, and are left at the edges only.

Convolutions and pools are NHWC, so a network from PyTorch arrives with a transpose before and after each. Two directions make
every rewrite an advance:

- NHWC -> NCHW, (0, 3, 1, 2), sinks: an op that reads one computes in NHWC instead, its other operands are brought to NHWC, and the
  transpose stands behind it.
- NCHW -> NHWC, (0, 2, 3, 1), rises: an op that is read by one computes in NHWC instead, in the same way.
- Any other order sinks where every operand has it (or is a constant), and nobody else reads the transpose.

The ops that compute in any layout: clamp, table, rescale, add, sub, mul, concat, pad, slice, mean. Quantize and dequantize let pass
what comes from the float side, never the other way round, so that transposes move bytes and not floats. A transpose passes a reshape
that keeps its blocks together; a flatten before a fully connected layer goes into the order of the weights' columns; the last two
dimensions swapped before a matmul go into its flags. What then only moves dimensions of extent 1 becomes a reshape, and a transpose
of more than four dimensions (channel shuffle, pixel shuffle) one or two of at most four, between reshapes.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch_mlir import ir, rewrite

from npuc.dialects.base import build, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.ops._elementwise import Binary, Map
from npuc.ops.base import OpSpec, TensorType
from npuc.ops.concat import Concat
from npuc.ops.fully_connected import FullyConnected
from npuc.ops.matmul import Matmul
from npuc.ops.mean import Mean
from npuc.ops.pad import Pad
from npuc.ops.reshape import Reshape
from npuc.ops.slice import Slice
from npuc.ops.transpose import Transpose
from npuc.passes.base import Pass, apply_patterns, constant_value, defining, is_constant, operations, replace_op, uses

Perm = tuple[int, ...]

# Dimensions of an operand of the machine; orders up to this many are searched for a split.
_MAX_RANK = 4
_MAX_SPLIT_RANK = 6

# On an op that computes in another layout than the model wrote, while the pass runs: once is enough, so every graph settles.
_DONE = "npu.laid"

TO_NCHW: Perm = (0, 3, 1, 2)
TO_NHWC: Perm = (0, 2, 3, 1)

# An op that computes in any layout may be asked to by a transpose before it, behind it, or either.
_SINK_THROUGH = (
    "npu.clamp",
    "npu.table",
    "npu.rescale",
    "npu.quantize",
    "npu.add",
    "npu.sub",
    "npu.mul",
    "npu.concat",
    "npu.pad",
    "npu.slice",
    "npu.mean",
)
_RISE_THROUGH = tuple(name for name in (*_SINK_THROUGH, "npu.dequantize") if name != "npu.quantize")


@dataclass(frozen=True)
class NpuCancelLayouts(Pass):
    def run(self, module: ir.Module) -> None:
        apply_patterns(
            module,
            ("npu.transpose", _compose),
            ("npu.transpose", _rise),
            ("npu.transpose", _after_reshape),
            ("npu.reshape", _sink_through_reshape),
            ("npu.reshape", _merge_reshapes),
            ("npu.fully_connected", _into_weights),
            ("npu.matmul", _into_matmul),
            *((name, _sink) for name in _SINK_THROUGH),
        )
        for op in operations(module):
            if _DONE in op.attributes:
                del op.attributes[_DONE]
        # only now: a transpose that moves nothing still cancels against its kind, a reshape does not
        apply_patterns(module, ("npu.transpose", _to_reshape), ("npu.transpose", _narrow), ("npu.reshape", _merge_reshapes))


# permutations --------------------------------------------------------------------------------------


def inverse(perm: Perm) -> Perm:
    """The order that undoes `perm`."""
    return tuple(perm.index(i) for i in range(len(perm)))


def compose(first: Perm, second: Perm) -> Perm:
    """The order of transpose(transpose(x, first), second)."""
    return tuple(first[i] for i in second)


def moves_nothing(shape: Sequence[int], perm: Perm) -> bool:
    """Whether transposing `shape` by `perm` leaves every element where it is: only extents of 1 change place."""
    order = [i for i in perm if shape[i] != 1]
    return order == sorted(order)


def _identity(perm: Perm) -> bool:
    return perm == tuple(range(len(perm)))


def _laid(tensor: TensorType, perm: Perm) -> TensorType:
    return TensorType(tuple(tensor.shape[i] for i in perm), tensor.dtype)


def _perm(op: ir.Operation) -> Perm:
    spec = spec_of(op)
    assert isinstance(spec, Transpose)
    return spec.perm


def _transposed(value: ir.Value, perm: Perm, location: ir.Location) -> ir.Value:
    """A transpose at the current insertion point; transposes before it are taken up, so that what cancels is never written."""
    while (before := defining(value, "npu.transpose")) is not None:
        value, perm = before.operands[0], compose(_perm(before), perm)
    if _identity(perm):
        return value
    spec = Transpose.of(tensor_type(value.type), perm=perm)
    return build(spec, [value], loc=location)


def _reshaped(value: ir.Value, shape: Sequence[int], location: ir.Location) -> ir.Value:
    kind = tensor_type(value.type)
    if kind.shape == tuple(shape):
        return value
    return build(Reshape.of(kind, output=TensorType(tuple(shape), kind.dtype)), [value], loc=location)


# transposes that meet ------------------------------------------------------------------------------


def _compose(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    perm = _perm(op)
    if defining(op.operands[0], "npu.transpose") is None and not _identity(perm):
        return True
    with rewriter.ip:
        result = _transposed(op.operands[0], perm, op.location)
    rewriter.replace_op(op, [result])
    return False


def _to_reshape(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    spec = spec_of(op)
    if not moves_nothing(spec.inputs[0].shape, _perm(op)):
        return True
    replace_op(rewriter, op, Reshape.of(spec.inputs[0], output=spec.output), [op.operands[0]])
    return False


def _merge_reshapes(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """reshape(reshape(x)) -> reshape(x); a reshape to its own shape goes."""
    op = view.operation
    spec = spec_of(op)
    before = defining(op.operands[0], "npu.reshape")
    source = op.operands[0] if before is None else before.operands[0]
    same = tensor_type(source.type) == spec.output
    if before is None and not same:
        return True
    with rewriter.ip:
        result = _reshaped(source, spec.output.shape, op.location)
    rewriter.replace_op(op, [result])
    return False


# computing in another layout -----------------------------------------------------------------------


def _sink(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """op(transpose(x, p), ...) -> transpose(op'(x, ...), p)."""
    op = view.operation
    spec = spec_of(op)
    rank = len(spec.output.shape)
    activations = [op.operands[i] for i in spec.activations]
    transposes = [before for before in (defining(value, "npu.transpose") for value in activations) if before is not None]
    perms = [_perm(before) for before in transposes]
    if TO_NCHW in perms:
        return _compute_in(op, spec, TO_NCHW, rewriter)
    agree = bool(perms) and len(set(perms)) == 1 and perms[0] != TO_NHWC and all(uses(before.results[0]) == 1 for before in transposes)
    rest = [value for value in activations if defining(value, "npu.transpose") is None]
    # a reduction changes the rank; only its operand's order counts
    full_rank = isinstance(spec, Mean) or all(len(perm) == rank for perm in perms)
    if not agree or not full_rank or not all(is_constant(value) for value in rest):
        return True
    return _compute_in(op, spec, perms[0], rewriter)


def _rise(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """transpose(op(...), to NHWC) -> op'(...) in NHWC; other readers get it in NCHW."""
    op = view.operation
    if _perm(op) != TO_NHWC:
        return True
    before = defining(op.operands[0], *_RISE_THROUGH)
    if before is None:
        return True
    return _compute_in(before, spec_of(before), TO_NCHW, rewriter)


def _compute_in(op: ir.Operation, spec: OpSpec, perm: Perm, rewriter: rewrite.PatternRewriter) -> bool:
    """Replaces op by transpose(op', perm), op' computing on operands laid out by the inverse of `perm`."""
    plan = None if _DONE in op.attributes else _relay(spec, perm)
    if plan is None:
        return True
    with ir.InsertionPoint(op):
        operands: list[ir.Value] = []
        for change, value in zip(plan.changes, op.operands, strict=True):
            # one value read twice is brought over once
            twin = next(
                (
                    i
                    for i, other in enumerate(list(op.operands)[: len(operands)])
                    if other == value and plan.spec.inputs[i] == plan.spec.inputs[len(operands)]
                ),
                None,
            )
            operands.append(change(value, op.location) if twin is None else operands[twin])
        new = build(plan.spec, operands, loc=op.location)
        new.owner.operation.attributes[_DONE] = ir.UnitAttr.get()
        result = _transposed(new, plan.perm, op.location)
    rewriter.replace_op(op, [result])
    return False


Change = Callable[[ir.Value, ir.Location], ir.Value]


@dataclass(frozen=True)
class _Relaid:
    """An op in another layout: what happens to each operand, and the order that brings the result back."""

    spec: OpSpec
    changes: tuple[Change, ...]
    perm: Perm


def _keep(value: ir.Value, location: ir.Location) -> ir.Value:
    return value


def _order(perm: Perm) -> Change:
    def change(value: ir.Value, location: ir.Location) -> ir.Value:
        return _transposed(value, perm, location)

    return change


def _widen(shape: tuple[int, ...], perm: Perm) -> Change:
    """First to `shape`, leading ones added, then the order."""

    def change(value: ir.Value, location: ir.Location) -> ir.Value:
        return _transposed(_reshaped(value, shape, location), perm, location)

    return change


def _relay(spec: OpSpec, perm: Perm) -> _Relaid | None:
    """The op of which y = transpose(op', perm), None where it has no such form."""
    back = inverse(perm)
    match spec:
        case Map():
            return _relay_map(spec, perm, back)
        case Binary() if len(perm) == len(spec.output.shape):
            return _relay_binary(spec, perm, back)
        case Concat() if len(perm) == len(spec.output.shape):
            inputs = tuple(_laid(tensor, back) for tensor in spec.inputs)
            new = replace(spec, inputs=inputs, output=_laid(spec.output, back), axis=perm[spec.axis])
            return _Relaid(new, (_order(back),) * len(inputs), perm)
        case Pad() if len(perm) == len(spec.output.shape):
            pads = tuple(spec.pads[2 * i + side] for i in back for side in (0, 1))
            return _Relaid(
                replace(spec, inputs=(_laid(spec.inputs[0], back),), output=_laid(spec.output, back), pads=pads), (_order(back),), perm
            )
        case Slice() if len(perm) == len(spec.output.shape):
            starts, sizes, strides = (tuple(values[i] for i in back) for values in (spec.starts, spec.sizes, spec.strides))
            inputs = (_laid(spec.inputs[0], back),)
            new = replace(spec, inputs=inputs, output=_laid(spec.output, back), starts=starts, sizes=sizes, strides=strides)
            return _Relaid(new, (_order(back),), perm)
        case Mean() if len(perm) == len(spec.inputs[0].shape):
            return _relay_mean(spec, perm, back)
    return None


def _relay_map(spec: Map, perm: Perm, back: Perm) -> _Relaid | None:
    if len(perm) != len(spec.output.shape):
        return None
    inputs = (_laid(spec.inputs[0], back), *spec.inputs[1:])
    changes = (_order(back), *(_keep for _ in spec.inputs[1:]))
    return _Relaid(replace(spec, inputs=inputs, output=_laid(spec.output, back)), changes, perm)


def _relay_binary(spec: Binary, perm: Perm, back: Perm) -> _Relaid:
    """Operands broadcast aligned right, so one of lower rank gains leading ones before its dimensions move."""
    rank = len(perm)
    inputs, changes = [], []
    for tensor in spec.inputs:
        wide = TensorType((1,) * (rank - len(tensor.shape)) + tensor.shape, tensor.dtype)
        if wide.elements == 1:
            # a scalar has every layout
            inputs.append(tensor)
            changes.append(_keep)
            continue
        inputs.append(_laid(wide, back))
        changes.append(_widen(wide.shape, back))
    return _Relaid(replace(spec, inputs=tuple(inputs), output=_laid(spec.output, back)), tuple(changes), perm)


def _relay_mean(spec: Mean, perm: Perm, back: Perm) -> _Relaid:
    axes = tuple(sorted(perm[i] for i in spec.axes))
    inputs = (_laid(spec.inputs[0], back),)
    if spec.keepdims:
        return _Relaid(replace(spec, inputs=inputs, output=_laid(spec.output, back), axes=axes), (_order(back),), perm)
    # dimension i of the result was dimension kept[i] of the operand, which is perm[kept[i]] of the new one
    kept = [perm[i] for i in range(len(perm)) if i not in spec.axes]
    rest = tuple(sorted(kept).index(axis) for axis in kept)
    output = _laid(spec.output, inverse(rest))
    return _Relaid(replace(spec, inputs=inputs, output=output, axes=axes), (_order(back),), rest)


# reshapes ------------------------------------------------------------------------------------------


def blocks(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The smallest groups of dimensions that a reshape keeps apart: (dimensions before, dimensions after), extents of 1 left out."""
    left = [i for i, extent in enumerate(before) if extent != 1]
    right = [i for i, extent in enumerate(after) if extent != 1]
    found = []
    while left:
        ins, outs = [left.pop(0)], [right.pop(0)]
        count_in, count_out = before[ins[0]], after[outs[0]]
        while count_in != count_out:
            if count_in < count_out:
                ins.append(left.pop(0))
                count_in *= before[ins[-1]]
            else:
                outs.append(right.pop(0))
                count_out *= after[outs[-1]]
        found.append((ins, outs))
    return found


def _sink_through_reshape(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """reshape(transpose(x, p)) -> transpose(reshape(transpose(x, inner))), where as little as possible is left inside.

    Nothing is left inside where the reshape tears no two dimensions apart that p brought together.
    """
    op = view.operation
    before = defining(op.operands[0], "npu.transpose")
    if before is None:
        return True
    spec = spec_of(op)
    source = before.operands[0]
    plan = _reshape_first(tensor_type(source.type).shape, _perm(before), spec.output.shape)
    if plan is None:
        return True
    inner, shape, outer = plan
    if not (_identity(inner) and _identity(outer)) and uses(before.results[0]) != 1:
        return True
    with rewriter.ip:
        result = _transposed(_reshaped(_transposed(source, inner, op.location), shape, op.location), outer, op.location)
    rewriter.replace_op(op, [result])
    return False


def _reshape_first(source: Sequence[int], perm: Perm, after: Sequence[int]) -> tuple[Perm, tuple[int, ...], Perm] | None:
    """(inner, shape, outer) with reshape(transpose(x, perm), after) = transpose(reshape(transpose(x, inner), shape), outer).

    None where outer would do nothing: there is nothing to bring out. `inner` puts the dimensions of each block of the reshape side
    by side and leaves the blocks where they lie in x; `outer` moves whole blocks.
    """
    middle = [source[i] for i in perm]
    if 0 in middle:
        return None
    parts = [([perm[i] for i in ins], outs) for ins, outs in blocks(middle, after)]
    parts.sort(key=lambda part: min(part[0]))
    # extents of 1 go last, where they are in nobody's way
    inner = tuple(i for ins, _ in parts for i in ins)
    inner += tuple(i for i in range(len(source)) if source[i] == 1)
    order = tuple(dim for _, outs in parts for dim in outs)
    order += tuple(dim for dim, extent in enumerate(after) if extent == 1)
    if moves_nothing(source, inner):
        inner = tuple(range(len(source)))
    if moves_nothing(after, order):
        # all of it is inside: an advance only where that is nothing at all
        return (inner, tuple(after), tuple(range(len(after)))) if _identity(inner) else None
    return inner, tuple(after[dim] for dim in order), inverse(order)


def _after_reshape(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """transpose(reshape(x)) that moves nothing -> reshape(x)."""
    op = view.operation
    before = defining(op.operands[0], "npu.reshape")
    spec = spec_of(op)
    if before is None or not moves_nothing(spec.inputs[0].shape, _perm(op)):
        return True
    with rewriter.ip:
        result = _reshaped(before.operands[0], spec.output.shape, op.location)
    rewriter.replace_op(op, [result])
    return False


def merged(shape: Sequence[int], perm: Perm) -> tuple[tuple[int, ...], Perm]:
    """The same movement on fewer dimensions: extents of 1 left out, dimensions that stay side by side made one."""
    runs: list[list[int]] = []
    solid = [i for i, extent in enumerate(shape) if extent != 1]
    for i in (solid.index(i) for i in perm if shape[i] != 1):
        if runs and i == runs[-1][-1] + 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    ordered = sorted(runs)
    extents = tuple(math.prod(shape[solid[i]] for i in run) for run in ordered)
    return extents, tuple(ordered.index(run) for run in runs)


def split(shape: Sequence[int], perm: Perm, rank: int) -> tuple[Perm, Perm] | None:
    """Two movements, one after the other, that make up `perm` and take `rank` dimensions at most; None where there are none."""
    for first in itertools.permutations(range(len(perm))):
        second = compose(inverse(first), perm)
        middle = [shape[i] for i in first]
        if len(merged(shape, first)[1]) <= rank and len(merged(middle, second)[1]) <= rank:
            return first, second
    return None


def _narrow(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """A transpose of more than four dimensions -> reshape, transposes of at most four, reshape."""
    op = view.operation
    spec = spec_of(op)
    if len(_perm(op)) <= _MAX_RANK:
        return True
    shape, perm = merged(spec.inputs[0].shape, _perm(op))
    if len(perm) > _MAX_SPLIT_RANK:
        return True
    steps = (perm,) if len(perm) <= _MAX_RANK else split(shape, perm, _MAX_RANK)
    if steps is None:
        return True
    with rewriter.ip:
        value = op.operands[0]
        for step in steps:
            small, order = merged(shape, step)
            value = build(
                Transpose.of(TensorType(small, spec.output.dtype), perm=order), [_reshaped(value, small, op.location)], loc=op.location
            )
            shape = tuple(shape[i] for i in step)
        result = _reshaped(value, spec.output.shape, op.location)
    rewriter.replace_op(op, [result])
    return False


# into products -------------------------------------------------------------------------------------


def _into_weights(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """fully_connected(reshape(transpose(x, p)), w) -> fully_connected(reshape(x), w') with the columns of w in x's order."""
    op = view.operation
    flatten = defining(op.operands[0], "npu.reshape")
    before = None if flatten is None else defining(flatten.operands[0], "npu.transpose")
    weights = constant_value(op.operands[1])
    if before is None or weights is None:
        return True
    spec: Any = spec_of(op)
    assert isinstance(spec, FullyConnected)
    perm, middle = _perm(before), spec_of(before).output.shape
    if perm[0] != 0 or middle[0] != spec.inputs[0].shape[0]:
        return True
    columns = weights.reshape(len(weights), *middle[1:]).transpose(inverse(perm)).reshape(weights.shape)
    with rewriter.ip:
        made = build_constant(np.ascontiguousarray(columns), loc=op.location)
        flat = _reshaped(before.operands[0], spec.inputs[0].shape, op.location)
    replace_op(rewriter, op, spec, [flat, made, op.operands[2]])
    return False


def _into_matmul(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """An operand of which the last two dimensions were swapped is read the other way round."""
    op = view.operation
    for index, name in enumerate(("transpose_a", "transpose_b")):
        before = defining(op.operands[index], "npu.transpose")
        if before is None:
            continue
        perm = _perm(before)
        rank = len(perm)
        if rank < 2 or perm != (*range(rank - 2), rank - 1, rank - 2):
            continue
        spec = spec_of(op)
        assert isinstance(spec, Matmul)
        operands, inputs = list(op.operands), list(spec.inputs)
        operands[index], inputs[index] = before.operands[0], tensor_type(before.operands[0].type)
        replace_op(rewriter, op, replace(spec, inputs=tuple(inputs), **{name: not getattr(spec, name)}), operands)
        return False
    return True
