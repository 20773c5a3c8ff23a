# SPDX-License-Identifier: Apache-2.0
"""The order in which an array of micro-blocks consumes the weights of one core."""

import enum
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_SUBKERNEL = 8
_GROUPS = {0: 32, 1: 16}


class Order(enum.IntEnum):
    """In which order the array takes the weights."""

    DEPTH_FIRST = 0
    PART_KERNEL = 1
    DEPTHWISE = 2


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def order_of(shape: tuple[int, ...], depthwise: bool) -> Order:
    """The order that wastes fewer products for weights [O, KH, KW, C]."""
    if depthwise:
        return Order.DEPTHWISE
    _, height, width, depth = shape
    taps = height * width
    # busy share of the array: depth / up(depth, 32) against taps and depth in fours and eights
    if depth <= 8 or taps * depth * _up(depth, 32) >= depth * _up(taps, 4) * _up(depth, 8):
        return Order.PART_KERNEL
    return Order.DEPTH_FIRST


class _Piece(NamedTuple):
    """What passes before anything else does: output channels, rows and columns of the kernel, input channels."""

    outs: slice
    rows: slice
    columns: slice
    depths: slice

    @property
    def index(self) -> tuple[slice, slice, slice, slice]:
        return (self.outs, self.rows, self.columns, self.depths)

    def padded(self, order: Order) -> tuple[int, int, int]:
        """Output channels, taps, input channels of what the array consumes."""
        outs, rows, columns, depth = (one.stop - one.start for one in self.index)
        taps = rows * columns
        if order is Order.DEPTHWISE:
            return _up(outs, 8), _up(taps, 4), 1
        if order is Order.PART_KERNEL:
            return _up(outs, 8), _up(taps, 4), _up(depth, 8)
        return _up(outs, 8), taps, _up(depth, 32)


def _steps(size: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def _pieces(shape: tuple[int, ...], order: Order, block: int, subkernel: int) -> Iterator[_Piece]:
    outs, height, width, depth = shape
    # kernels of one piece pass all their input channels in one sweep: the pieces' order is the same
    whole = max(height, width) <= subkernel or order is Order.DEPTHWISE
    for channels in _steps(outs, block):
        for depths in _steps(depth, depth if whole else _GROUPS[order]):
            for rows in _steps(height, subkernel):
                for columns in _steps(width, subkernel):
                    yield _Piece(channels, rows, columns, depths)


def size(shape: tuple[int, ...], order: Order, block: int, subkernel: int = _SUBKERNEL) -> int:
    """Weights in the stream of `ordered`."""
    return sum(int(np.prod(piece.padded(order))) for piece in _pieces(shape, order, block, subkernel))


def ordered(weights: np.ndarray, order: Order, block: int) -> np.ndarray:
    """The padded stream, flat, of weights [O, KH, KW, C].

    Args:
        block: output channels that pass before the next ones do.
    """
    found = []
    for piece in _pieces(weights.shape, order, block, _SUBKERNEL):
        part = weights[piece.index]
        outs, taps, depths = piece.padded(order)
        wide = np.zeros((outs, taps, depths), weights.dtype)
        wide[: part.shape[0], : part.shape[1] * part.shape[2], : part.shape[3]] = part.reshape(part.shape[0], -1, part.shape[3])
        if order is Order.DEPTHWISE:
            found.append(wide.reshape(outs // 8, 8, taps).transpose(0, 2, 1).ravel())
        elif order is Order.PART_KERNEL:
            found.append(wide.reshape(outs // 8, 8, taps, depths // 8, 8).transpose(3, 0, 2, 1, 4).ravel())
        else:
            found.append(wide.reshape(outs // 8, 8, taps, depths // 32, 4, 8).transpose(3, 0, 2, 4, 1, 5).ravel())
    return np.concatenate(found)


def restored(stream: np.ndarray, shape: tuple[int, ...], order: Order, block: int, subkernel: int = _SUBKERNEL) -> np.ndarray:
    """The inverse of `ordered`: weights [O, KH, KW, C]."""
    found = np.empty(shape, stream.dtype)
    at = 0
    for piece in _pieces(shape, order, block, subkernel):
        outs, taps, depths = piece.padded(order)
        part = stream[at : at + outs * taps * depths]
        at += outs * taps * depths
        if order is Order.DEPTHWISE:
            wide = part.reshape(outs // 8, taps, 8).transpose(0, 2, 1)
        elif order is Order.PART_KERNEL:
            wide = part.reshape(depths // 8, outs // 8, taps, 8, 8).transpose(1, 3, 2, 0, 4)
        else:
            wide = part.reshape(depths // 32, outs // 8, taps, 4, 8, 8).transpose(1, 4, 2, 0, 3, 5)
        target = found[piece.index]
        rows, columns = target.shape[1:3]
        target[...] = wide.reshape(outs, taps, depths)[: target.shape[0], : rows * columns, : target.shape[3]].reshape(target.shape)
    return found
