# SPDX-License-Identifier: Apache-2.0
"""Pooling windows in numpy; padding is outside the image and never takes part."""

from collections.abc import Callable

import numpy as np

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


def _fold(x: np.ndarray, outside: int, join: Callable, kernel: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """`join` over each window of x [N, H, W, C], a tap at a time, positions outside the image read as `outside`."""
    top, bottom, left, right = pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=outside)
    rows = range(0, padded.shape[1] - kernel[0] + 1, strides[0])
    columns = range(0, padded.shape[2] - kernel[1] + 1, strides[1])
    taps = (
        padded[:, i : i + rows[-1] + 1 : strides[0], j : j + columns[-1] + 1 : strides[1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    )
    found = next(taps).copy()
    for tap in taps:
        join(found, tap, out=found)
    return found


def max_windows(x: np.ndarray, kernel: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """The greatest value of each window inside the image, dtype of x: [N, OH, OW, C]."""
    return _fold(x, np.iinfo(x.dtype).min, np.maximum, kernel, strides, pads)


def sum_windows(x: np.ndarray, kernel: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """The sum of each window inside the image, i64: [N, OH, OW, C]."""
    return _fold(x.astype(np.int64), 0, np.add, kernel, strides, pads)


def count_windows(image: Pair, kernel: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """Positions of each window that lie inside the image, i64 [OH, OW, 1]."""
    ones = np.ones((1, *image, 1), np.int64)
    return sum_windows(ones, kernel, strides, pads)[0]


def divided(total: np.ndarray, count: np.ndarray, half_up: bool) -> np.ndarray:
    """total / count to the nearest integer as TFLite's average pooling does it, i64.

    Halves go away from zero, as for int8, or up, as for uint8: (total + count // 2) / count of codes that are never negative, moved by
    128 here.
    """
    if half_up:
        return (total + count // 2) // count
    return np.where(total > 0, (total + count // 2) // count, -((count // 2 - total) // count))
