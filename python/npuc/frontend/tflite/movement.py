# SPDX-License-Identifier: Apache-2.0
"""Values that change their place and nothing else: reshapes, pads, parts, joins, orders; and shapes computed at run time, folded."""

import numpy as np
from torch_mlir import ir

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.ops.base import TensorType
from npuc.ops.concat import Concat
from npuc.ops.pad import Pad
from npuc.ops.reshape import Reshape
from npuc.ops.slice import Slice
from npuc.ops.transpose import Transpose


def _reshaped(g: Importer, value: ir.Value, wanted: TensorType) -> ir.Value:
    if tuple(ir.RankedTensorType(value.type).shape) == wanted.shape:
        return value
    return g.emit(Reshape, [value], wanted)


def reshape(g: Importer, op: FileOp) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the file knows the result's shape."""
    x, y = op.inputs[0], op.outputs[0]
    if g.tensor(x).elements != g.tensor(y).elements:
        raise g.refuse("count of elements", found=f"{g.tensor(x)} to {g.tensor(y)}", wanted="the same")
    known = g.known(x)
    if known is not None:
        g.fold(known.reshape(g.tensor(y).shape))
        return
    g.finish(_reshaped(g, g.value(x), TensorType(g.tensor(y).shape, g.tensor(x).dtype)))


def pad(g: Importer, op: FileOp) -> None:
    """PAD by the zero point, PADV2 by a value."""
    x = op.inputs[0]
    widths = g.constant(op.inputs[1]).reshape(-1)
    value = int(g.constant(op.inputs[2]).reshape(-1)[0]) if op.kind == "PADV2" else g.zero_point(x)
    g.finish(g.emit(Pad, [g.value(x)], pads=tuple(int(width) for width in widths), value=value))


def concatenation(g: Importer, op: FileOp) -> None:
    """Inputs of other scales are rescaled first."""
    rank = len(g.tensor(op.outputs[0]).shape)
    axis = g.option("Axis")
    if not -rank <= axis < rank:
        raise g.refuse("axis", found=axis, wanted=f"-{rank}..{rank - 1}")
    for index in op.inputs:
        if g.file(index).scales[:1] != g.file(op.outputs[0]).scales[:1] or g.zero_point(index) != g.zero_point(op.outputs[0]):
            raise g.refuse("scales of the inputs", found=g.file(index).scales[:1], wanted="that of the result")
    g.finish(g.emit(Concat, [g.value(index) for index in op.inputs], axis=axis % rank))


def transpose(g: Importer, op: FileOp) -> None:
    """TRANSPOSE."""
    rank = len(g.tensor(op.inputs[0]).shape)
    perm = tuple(int(axis) % max(1, rank) for axis in g.constant(op.inputs[1]).reshape(-1))
    g.finish(g.emit(Transpose, [g.value(op.inputs[0])], perm=perm))


def strided_slice(g: Importer, op: FileOp) -> None:
    """Masks as in Python's slices; dimensions of the shrink mask go."""
    x = op.inputs[0]
    shape = g.tensor(x).shape
    begin, end, stride = (g.constant(index).reshape(-1).tolist() for index in op.inputs[1:4])
    if g.option("EllipsisMask") or g.option("NewAxisMask"):
        raise g.refuse("masks", found="an ellipsis or new-axis mask", wanted="begin, end and shrink masks alone")
    starts, sizes, strides = [0] * len(shape), list(shape), [1] * len(shape)
    for axis, (first, last, step) in enumerate(zip(begin, end, stride, strict=True)):
        shrink = g.option("ShrinkAxisMask") >> axis & 1
        if axis >= len(shape) or step < 1:
            raise g.refuse("strides", found=stride, wanted="at least 1, one a dimension")
        first = None if g.option("BeginMask") >> axis & 1 else first
        last = None if g.option("EndMask") >> axis & 1 else last
        if shrink:
            first = first or 0
            last = first + 1 if first != -1 else None
        positions = range(*slice(first, last, step).indices(shape[axis]))
        if not positions:
            raise g.refuse("a part of a tensor", found=f"nothing of dimension {axis}", wanted="at least one position")
        starts[axis], sizes[axis], strides[axis] = positions[0], len(positions), step
    known = g.known(x)
    wanted = g.tensor(op.outputs[0])
    if known is not None:
        cut = tuple(slice(start, start + (size - 1) * step + 1, step) for start, size, step in zip(starts, sizes, strides, strict=True))
        g.fold(known[cut].reshape(wanted.shape))
        return
    value = g.emit(Slice, [g.value(x)], starts=tuple(starts), sizes=tuple(sizes), strides=tuple(strides))
    g.finish(_reshaped(g, value, wanted))


def shape(g: Importer, op: FileOp) -> None:
    """Known when the file is read."""
    g.fold(np.array(g.tensor(op.inputs[0]).shape))


def pack(g: Importer, op: FileOp) -> None:
    """A new dimension that the inputs follow one another along."""
    wanted = g.tensor(op.outputs[0])
    axis = g.option("Axis") % len(wanted.shape)
    known = [g.known(index) for index in op.inputs]
    if all(one is not None for one in known):
        g.fold(np.stack([np.asarray(one) for one in known], axis))
        return
    parts = []
    for index in op.inputs:
        found = g.tensor(index)
        parts.append(g.emit(Reshape, [g.value(index)], TensorType((*found.shape[:axis], 1, *found.shape[axis:]), found.dtype)))
    g.finish(g.emit(Concat, parts, axis=axis))


CONVERTERS = {
    "RESHAPE": reshape, "SQUEEZE": reshape, "EXPAND_DIMS": reshape, "PAD": pad, "PADV2": pad, "CONCATENATION": concatenation,
    "TRANSPOSE": transpose, "STRIDED_SLICE": strided_slice, "SHAPE": shape, "PACK": pack,
}  # fmt: skip
