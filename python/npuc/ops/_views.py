# SPDX-License-Identifier: Apache-2.0
"""Views of operands: parts, broadcasts, re-layouts, parts of a blob. No data moves.

A view may lie in a ring of rows, so dimension 1 is special: there it is moved by `first_row`, not by the base address, and only a
view without a ring may give that dimension another place.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from npuc.errors import InternalError
from npuc.isa.base import BRICK, DType, Operand, Shape4
from npuc.isa.records import RECORD, pack_scales
from npuc.numerics.rescale import Rescale

ROWS = 1
CHANNELS = 3
Extents = tuple[int, ...]


def blob_part(blob: Operand, offset: int, shape: Shape4, dtype: DType = DType.I8) -> Operand:
    """A dense tensor at byte `offset` of a blob."""
    return Operand.dense(blob.space, blob.base + offset, shape, dtype)


def pack_records(rescale: Rescale, bias: np.ndarray) -> bytes:
    """`len(bias)` scale records; a rescale per tensor is written to every one."""
    return pack_scales(bias, np.array(rescale.multiplier), np.array(rescale.shift))


def records_view(params: Operand, count: int) -> Operand:
    """The records that stand first in a parameter blob."""
    return blob_part(params, 0, (1, 1, count, RECORD.itemsize))


def part(view: Operand, axis: int, start: int, size: int) -> Operand:
    """Positions start .. start + size - 1 along one dimension.

    Raises:
        InternalError: channels that are neither whole bricks nor within one, of a view in bricks.
    """
    shape = tuple(size if i == axis else extent for i, extent in enumerate(view.shape))
    if axis == ROWS and view.wrap_rows:
        return replace(view, shape=shape, first_row=(view.first_row + start) % view.wrap_rows)
    if axis == CHANNELS and view.brick_stride:
        number, inside = divmod(start, BRICK)
        base = view.base + number * view.brick_stride + inside * view.strides[axis]
        if inside + size <= BRICK:
            return replace(view, shape=shape, base=base, brick_stride=0)
        if inside or size % BRICK:
            raise InternalError("channels cut through bricks", found=(start, size), wanted=f"whole bricks of {BRICK}")
        return replace(view, shape=shape, base=base)
    return replace(view, shape=shape, base=view.base + start * view.strides[axis])


def unwrapped(view: Operand) -> Iterator[tuple[int, Operand]]:
    """(first row, view without a ring) of each stretch of rows that lies in one piece."""
    height = view.shape[ROWS]
    plain = replace(view, wrap_rows=0, first_row=0)
    head = min(height, view.wrap_rows - view.first_row) if view.wrap_rows else height
    yield 0, part(plain, ROWS, view.first_row, head)
    if head < height:
        yield head, part(plain, ROWS, 0, height - head)


def broadcast(view: Operand, shape: Extents) -> Operand:
    """The view repeated to `shape` along its dimensions of extent 1."""
    if view.shape == shape:
        return view
    if view.shape[ROWS] == 1:
        ((_, view),) = unwrapped(view)
    strides = tuple(0 if found == 1 else stride for found, stride in zip(view.shape, view.strides, strict=True))
    return replace(view, shape=shape, strides=strides)


def permuted(view: Operand, order: Extents) -> Operand:
    """Dimension i of the result is dimension order[i].

    Raises:
        InternalError: rows that lie in a ring, or channels in bricks, would leave their place.
    """
    if view.wrap_rows and order[ROWS] != ROWS:
        raise InternalError("rows in a ring cannot change place", found=order)
    if view.brick_stride and order[CHANNELS] != CHANNELS:
        raise InternalError("channels in bricks cannot change place", found=order)
    return replace(view, shape=tuple(view.shape[i] for i in order), strides=tuple(view.strides[i] for i in order))


def spread(view: Operand, shape: Extents) -> Operand:
    """A view of one row as `shape`, which has the same extents above 1 in the same order.

    Raises:
        InternalError: its channels lie in bricks.
    """
    if view.brick_stride:
        raise InternalError("channels in bricks cannot change place", found=shape)
    ((_, plain),) = unwrapped(view)
    strides = [stride for extent, stride in zip(plain.shape, plain.strides, strict=True) if extent > 1]
    filled = tuple(strides.pop(0) if extent > 1 else 0 for extent in shape)
    # an extent of 1 takes part in no address; a stride of one element keeps such a view dense
    return replace(plain, shape=shape, strides=tuple(stride or view.dtype.bytes for stride in filled))
