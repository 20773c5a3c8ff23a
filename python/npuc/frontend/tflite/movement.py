# SPDX-License-Identifier: Apache-2.0
"""Values that change their place and nothing else: reshapes, pads, parts, joins, orders; and shapes computed at run time, folded."""

import math
from dataclasses import replace

import numpy as np
from torch_mlir import ir

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.numerics.tflite import concatenation_table
from npuc.ops.base import TensorType
from npuc.ops.broadcast import Broadcast
from npuc.ops.concat import Concat
from npuc.ops.gather import Gather
from npuc.ops.pad import Pad
from npuc.ops.reshape import Reshape
from npuc.ops.reverse import Reverse
from npuc.ops.slice import Slice
from npuc.ops.table import Table
from npuc.ops.transpose import Transpose


def _reshaped(g: Importer, value: ir.Value, wanted: TensorType) -> ir.Value:
    if tuple(ir.RankedTensorType(value.type).shape) == wanted.shape:
        return value
    return g.emit(Reshape, [value], wanted)


def reshape(g: Importer, op: FileOp) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the file knows the result's shape, or a constant that was folded does."""
    x, y = op.inputs[0], op.outputs[0]
    shape = g.known(op.inputs[1]) if op.kind == "RESHAPE" and len(op.inputs) > 1 and op.inputs[1] >= 0 else None
    if shape is not None:
        extents = [int(extent) for extent in shape.reshape(-1)]
        rest = g.tensor(x).elements // max(1, math.prod(extent for extent in extents if extent != -1))
        g.give_shape(y, tuple(rest if extent == -1 else extent for extent in extents))
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
    """Inputs of uint8 may have other scales than the result; those go through a table."""
    rank = len(g.tensor(op.outputs[0]).shape)
    axis = g.option("Axis")
    if not -rank <= axis < rank:
        raise g.refuse("axis", found=axis, wanted=f"-{rank}..{rank - 1}")
    if g.option("FusedActivationFunction", 0):
        raise g.refuse("fused activation", found=g.option("FusedActivationFunction"), wanted="none")
    g.finish(g.emit(Concat, [_in_scale_of(g, index, op.outputs[0]) for index in op.inputs], axis=axis % rank))


def _in_scale_of(g: Importer, index: int, result: int) -> ir.Value:
    if g.file(index).scales[:1] == g.file(result).scales[:1] and g.zero_point(index) == g.zero_point(result):
        return g.value(index)
    if g.file(index).dtype != "ui8":
        raise g.refuse("scales of the inputs", found=g.file(index).scales[:1], wanted="that of the result, or uint8")
    entries = concatenation_table(g.scale(index), g.zero_point(index), g.scale(result), g.zero_point(result))
    return g.emit(Table, [g.value(index), entries])


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


def slice_(g: Importer, op: FileOp) -> None:
    """SLICE; a size of -1 reaches to the end."""
    x = op.inputs[0]
    shape = g.tensor(x).shape
    starts, sizes = ([int(value) for value in g.constant(index).reshape(-1)] for index in op.inputs[1:3])
    if len(starts) != len(shape) or len(sizes) != len(shape):
        raise g.refuse("begin and size", found=(starts, sizes), wanted=f"{len(shape)} entries each")
    sizes = [extent - start if size == -1 else size for extent, start, size in zip(shape, starts, sizes, strict=True)]
    g.finish(_part(g, g.value(x), starts, sizes))


def _part(g: Importer, value: ir.Value, starts: list[int], sizes: list[int]) -> ir.Value:
    return g.emit(Slice, [value], starts=tuple(starts), sizes=tuple(sizes), strides=(1,) * len(sizes))


def _along(g: Importer, index: int, axis: int, start: int, size: int) -> ir.Value:
    """Positions start .. start + size - 1 of one dimension."""
    shape = g.tensor(index).shape
    starts, sizes = [0] * len(shape), list(shape)
    starts[axis], sizes[axis] = start, size
    return _part(g, g.value(index), starts, sizes)


def _axis(g: Importer, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise g.refuse("axis", found=axis, wanted=f"-{rank}..{rank - 1}")
    return axis % rank


def split(g: Importer, op: FileOp) -> None:
    """SPLIT (axis, input) and SPLIT_V (input, sizes, axis): the file knows the parts' shapes."""
    x, position = (op.inputs[1], op.inputs[0]) if op.kind == "SPLIT" else (op.inputs[0], op.inputs[2])
    axis = _axis(g, int(g.constant(position).reshape(-1)[0]), len(g.tensor(x).shape))
    start = 0
    for number, index in enumerate(op.outputs):
        size = g.tensor(index).shape[axis]
        g.finish(_along(g, x, axis, start, size), number)
        start += size


def unpack(g: Importer, op: FileOp) -> None:
    """Each position of a dimension, without it."""
    x = op.inputs[0]
    axis = _axis(g, g.option("Axis", 0), len(g.tensor(x).shape))
    for number, index in enumerate(op.outputs):
        g.finish(_reshaped(g, _along(g, x, axis, number, 1), g.tensor(index)), number)


def _blocks(g: Importer, op: FileOp, shape: tuple[int, ...], perm: tuple[int, ...]) -> None:
    """x as `shape`, dimensions in the order `perm`, as the result's shape."""
    x, y = op.inputs[0], op.outputs[0]
    dtype = g.tensor(x).dtype
    value = g.emit(Transpose, [g.emit(Reshape, [g.value(x)], TensorType(shape, dtype))], perm=perm)
    g.finish(g.emit(Reshape, [value], g.tensor(y)))


def space_to_depth(g: Importer, op: FileOp) -> None:
    """Blocks of positions become channels."""
    n, height, width, channels = _image(g, op.inputs[0])
    size = g.option("BlockSize")
    if size < 1 or height % size or width % size:
        raise g.refuse("block size", found=(size, height, width), wanted="a divisor of rows and columns")
    _blocks(g, op, (n, height // size, size, width // size, size, channels), (0, 1, 3, 2, 4, 5))


def depth_to_space(g: Importer, op: FileOp) -> None:
    """Channels become blocks of positions."""
    n, height, width, channels = _image(g, op.inputs[0])
    size = g.option("BlockSize")
    if size < 1 or channels % (size * size):
        raise g.refuse("block size", found=(size, channels), wanted="its square a divisor of the channels")
    _blocks(g, op, (n, height, width, size, size, channels // (size * size)), (0, 1, 3, 2, 4, 5))


def _image(g: Importer, index: int) -> tuple[int, ...]:
    shape = g.tensor(index).shape
    if len(shape) != 4:
        raise g.refuse("shape of the input", found=shape, wanted="four dimensions")
    return shape


def tile(g: Importer, op: FileOp) -> None:
    """A tensor repeated along its dimensions."""
    counts = [int(count) for count in g.constant(op.inputs[1]).reshape(-1)]
    value = g.value(op.inputs[0])
    if len(counts) != len(g.tensor(op.inputs[0]).shape) or min(counts, default=1) < 1 or max(counts, default=1) > 32:
        raise g.refuse("repeats", found=counts, wanted="1..32, one a dimension")
    for axis, count in enumerate(counts):
        if count > 1:
            value = g.emit(Concat, [value] * count, axis=axis)
    g.finish(value)


def mirror_pad(g: Importer, op: FileOp) -> None:
    """A border that repeats the image backwards, one position at a time."""
    x = op.inputs[0]
    value, shape = g.value(x), list(g.tensor(x).shape)
    widths = [int(width) for width in g.constant(op.inputs[1]).reshape(-1)]
    if len(widths) != 2 * len(shape):
        raise g.refuse("paddings", found=widths, wanted=f"{2 * len(shape)} widths")
    first = 1 if g.option("Mode", 0) == 0 else 0
    for axis, extent in enumerate(shape):
        before, after = widths[2 * axis : 2 * axis + 2]
        if not 0 <= min(before, after) <= max(before, after) <= extent - first or before + after > 31:
            raise g.refuse("paddings", found=widths, wanted="at most 31 along a dimension, and no more than the image has")
        if not before and not after:
            continue

        def one(position: int, value: ir.Value = value, axis: int = axis) -> ir.Value:
            starts, sizes = [0] * len(shape), list(shape)
            starts[axis], sizes[axis] = position, 1
            return _part(g, value, starts, sizes)

        head = [one(position) for position in range(before - 1 + first, first - 1, -1)]
        tail = [one(extent - 1 - first - position) for position in range(after)]
        value = g.emit(Concat, [*head, value, *tail], axis=axis)
        shape[axis] += before + after
    g.finish(value)


def reverse(g: Importer, op: FileOp) -> None:
    """REVERSE_V2, along one constant axis after the other."""
    x = op.inputs[0]
    value = g.value(x)
    for axis in g.constant(op.inputs[1]).reshape(-1):
        value = g.emit(Reverse, [value], axis=_axis(g, int(axis), len(g.tensor(x).shape)))
    g.finish(value)


def broadcast_to(g: Importer, op: FileOp) -> None:
    """To a constant shape."""
    x, y = op.inputs[0], op.outputs[0]
    wanted = tuple(int(extent) for extent in g.constant(op.inputs[1]).reshape(-1))
    own = g.tensor(x)
    padded = (1,) * (len(wanted) - len(own.shape)) + own.shape
    if len(padded) != len(wanted) or any(extent < 1 or had not in (1, extent) for had, extent in zip(padded, wanted, strict=True)):
        raise g.refuse("the shape", found=wanted, wanted=f"one that {own.shape} can be broadcast to")
    g.give_shape(y, wanted)
    value = _reshaped(g, g.value(x), replace(own, shape=padded))
    g.finish(value if own.shape == wanted else g.emit(Broadcast, [value], replace(own, shape=wanted)))


def gather(g: Importer, op: FileOp) -> None:
    """A run of constant positions is a slice; anything else runs on the host."""
    x, indices = op.inputs[:2]
    rank = len(g.tensor(x).shape)
    axis = _axis(g, g.option("Axis", 0), rank)
    known = g.known(indices)
    flat = [] if known is None else known.reshape(-1).tolist()
    if (
        not g.option("BatchDims", 0)
        and flat
        and flat == list(range(flat[0], flat[0] + len(flat)))
        and 0 <= flat[0] <= flat[-1] < g.tensor(x).shape[axis]
    ):
        g.finish(_reshaped(g, _along(g, x, axis, flat[0], len(flat)), g.tensor(op.outputs[0])))
        return
    g.finish(g.emit(Gather, [g.value(x), g.value(indices)], axis=axis, batch_dims=g.option("BatchDims", 0)))


CONVERTERS = {
    "RESHAPE": reshape, "SQUEEZE": reshape, "EXPAND_DIMS": reshape, "PAD": pad, "PADV2": pad, "CONCATENATION": concatenation,
    "TRANSPOSE": transpose, "STRIDED_SLICE": strided_slice, "SHAPE": shape, "PACK": pack, "SLICE": slice_, "SPLIT": split, "SPLIT_V": split,
    "UNPACK": unpack, "SPACE_TO_DEPTH": space_to_depth, "DEPTH_TO_SPACE": depth_to_space, "TILE": tile, "MIRROR_PAD": mirror_pad,
    "GATHER": gather, "REVERSE_V2": reverse, "BROADCAST_TO": broadcast_to,
}  # fmt: skip
