# SPDX-License-Identifier: Apache-2.0
"""Shapes and views of an op that leaves one value of whole dimensions."""

from collections.abc import Iterator

from npuc.isa.base import Operand
from npuc.ops._views import ROWS, part, spread, unwrapped
from npuc.ops.base import Region, TensorType, region_type

Axes = tuple[int, ...]


def reduced_shape(shape: tuple[int, ...], axes: Axes, keepdims: bool) -> tuple[int, ...]:
    """The result's shape."""
    if keepdims:
        return tuple(1 if i in axes else extent for i, extent in enumerate(shape))
    return tuple(extent for i, extent in enumerate(shape) if i not in axes)


def kept_splits(rank: int, axes: Axes, keepdims: bool) -> frozenset[int]:
    """Dimensions of the result, of rank `rank`, along which it may be tiled."""
    dimensions = frozenset(range(rank))
    if keepdims:
        return dimensions - set(axes)
    # the first of three would be rows of the result and images of the input: a ring on one side alone
    return dimensions - {0} if len(dimensions) == 3 else dimensions


def cut_reduction(x: TensorType, y: TensorType, region: Region, axes: Axes, keepdims: bool) -> tuple[Region, tuple[TensorType, TensorType]]:
    """The input region of a region of the result, and both types cut."""
    left = list(region)
    source = []
    for i, extent in enumerate(x.shape):
        cut = left.pop(0) if keepdims or i not in axes else (0, 1)
        source.append((0, extent) if i in axes else cut)
    return tuple(source), (region_type(x, tuple(source)), region_type(y, region))


def along(ifm: Operand, ofm: Operand, reduced: Axes) -> Iterator[tuple[Operand, Operand]]:
    """Input and output of each command; `reduced` are dimensions of NHWC."""
    kept = tuple(1 if i in reduced else extent for i, extent in enumerate(ifm.shape))
    if ofm.shape == kept:
        yield ifm, ofm
        return
    # without keepdims the result's dimensions stand elsewhere in NHWC; rows, where it has any, are the input's images
    for first, piece in unwrapped(ofm):
        images = piece.shape[ROWS] if ofm.shape[ROWS] > 1 else kept[0]
        yield part(ifm, 0, first, images), spread(piece, (images, *kept[1:]))
