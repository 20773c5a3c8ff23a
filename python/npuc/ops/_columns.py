# SPDX-License-Identifier: Apache-2.0
"""Columns of a kernel as channels of the input: arrays that take many input channels at once are idle where there are one or three.

The pixels of a row lie side by side, so the KW pixels that a window reads of a row are KW * C bytes in one piece: a "pixel" of KW * C
channels, of which the next one starts a stride further on. With the same weights in the same order, [O, KH, 1, KW * C], a kernel of KH by 1
does the work of KH by KW; nothing moves. Windows that reach beyond the image read fewer pixels: those columns of the output are
computed one by one, with the part of the weights that meets the image.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from npuc.isa.base import Operand
from npuc.ops._views import part
from npuc.ops._windows import Axis

COLUMNS, CHANNELS = 2, 3

MOST_CHANNELS = 8
"""Input channels from which on nothing is gained: the arrays at hand take eight at once."""


@dataclass(frozen=True)
class Strip:
    """Some columns of the output as a convolution of its own, its stride and padding along W taken up.

    Attributes:
        ifm: without padding.
        weights: [O, KH, 1, channels of `ifm`].
    """

    ifm: Operand
    weights: Operand
    ofm: Operand


def interior(columns: Axis) -> tuple[int, int]:
    """(first, count) of the outputs along W whose windows lie within the image."""
    first = -(-columns.before // columns.stride)
    last = (columns.extent + columns.before - columns.kernel) // columns.stride
    return first, max(min(last, columns.outputs - 1) - first + 1, 0)


def few_channels(channels: int, columns: Axis) -> bool:
    """Whether something may be gained: there are few, the kernel has several columns side by side, and some windows lie within the image."""
    return channels < MOST_CHANNELS and columns.kernel > 1 and columns.dilation == 1 and interior(columns)[1] > 0


def can_be_channels(ifm: Operand, columns: Axis) -> bool:
    """Whether that is so, and the pixels of a row of this view are one piece."""
    element, channels = ifm.dtype.bytes, ifm.shape[CHANNELS]
    return few_channels(channels, columns) and ifm.strides[COLUMNS:] == (channels * element, element) and not ifm.brick_stride


def strips(ifm: Operand, weights: Operand, ofm: Operand, columns: Axis) -> Iterator[Strip]:
    """The output as columns within the image, then those at its borders.

    Args:
        ifm: input without padding.
        weights: plain, [O, KH, KW, C].
    """
    first, count = interior(columns)
    yield _strip(ifm, weights, ofm, columns, first, count)
    for column in (*range(first), *range(first + count, columns.outputs)):
        yield _strip(ifm, weights, ofm, columns, column, 1)


def _strip(ifm: Operand, weights: Operand, ofm: Operand, columns: Axis, first: int, count: int) -> Strip:
    """Output columns whose windows all meet the image with the same taps."""
    start = first * columns.stride - columns.before
    skipped = max(-start, 0)
    taps = min(start + columns.kernel, columns.extent) - max(start, 0)
    depth = taps * ifm.shape[CHANNELS]
    pixel = part(ifm, COLUMNS, max(start, 0), 1)
    step = columns.stride * ifm.strides[COLUMNS]
    view = replace(pixel, shape=(*ifm.shape[:COLUMNS], count, depth), strides=(*ifm.strides[:COLUMNS], step, ifm.strides[CHANNELS]))
    used = part(weights, COLUMNS, skipped, taps)
    kernel = replace(used, shape=(*weights.shape[:COLUMNS], 1, depth), strides=(*weights.strides[:COLUMNS], weights.strides[COLUMNS], 1))
    return Strip(view, kernel, part(ofm, COLUMNS, first, count))
