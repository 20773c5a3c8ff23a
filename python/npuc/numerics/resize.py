# SPDX-License-Identifier: Apache-2.0
"""Bilinear resize in integers, as TFLite's reference kernel for int8 computes it (there n is 1024), and in single precision, as for uint8.

With p = o * d + offset along a dimension of `extent` positions: the lower neighbour is max(floor(p / n), 0), the upper one
min(ceil(p / n), extent - 1), the weight of the upper one (p - n * lower) / n; both the same where p lies outside.
"""

import numpy as np

Positions = tuple[np.ndarray, np.ndarray, np.ndarray]


def positions(out: int, n: int, d: int, offset: int, extent: int, start: int = 0) -> Positions:
    """i64 [out]: lower neighbour, upper neighbour, n times the upper one's weight, of outputs start .. start + out - 1."""
    p = np.arange(start, start + out, dtype=np.int64) * d + offset
    lower = np.clip(p // n, 0, extent - 1)
    upper = np.clip(-(-p // n), 0, extent - 1)
    return lower, upper, np.where(lower == upper, 0, p - n * lower)


def bilinear(x: np.ndarray, rows: Positions, columns: Positions, n_y: int, n_x: int) -> np.ndarray:
    """[N, OH, OW, C] of the type of x: the weighted sum divided by n_y * n_x, halves away from zero."""
    top, bottom, down = rows[0], rows[1], rows[2][:, None, None]
    left, right, across = columns[0], columns[1], columns[2][None, :, None]
    wide = x.astype(np.int64)
    upper, lower = wide[:, top], wide[:, bottom]
    total = upper[:, :, left] * (n_y - down) * (n_x - across) + upper[:, :, right] * (n_y - down) * across
    total += lower[:, :, left] * down * (n_x - across) + lower[:, :, right] * down * across
    unit = n_y * n_x
    return (np.sign(total) * ((np.abs(total) + unit // 2) // unit)).astype(x.dtype)


def bilinear_float(x: np.ndarray, size: tuple[int, int], align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """Unsigned codes of x [N, H, W, C] in single precision, every product and sum rounded, in the order of TFLite's reference kernel."""
    (rows, top, bottom), (columns, left, right) = (
        _float_positions(extent, out, align_corners, half_pixel_centers) for extent, out in zip(x.shape[1:3], size, strict=True)
    )
    down, across = (rows - top.astype(np.float32))[:, None, None], (columns - left.astype(np.float32))[None, :, None]
    up, back = np.float32(1) - down, np.float32(1) - across
    real = x.astype(np.float32)
    upper, lower = real[:, top], real[:, bottom]
    total = upper[:, :, left] * up * back
    total += lower[:, :, left] * down * back
    total += upper[:, :, right] * up * across
    total += lower[:, :, right] * down * across
    return np.trunc(total + np.float32(0.5)).astype(np.int64)


def _float_positions(extent: int, out: int, align_corners: bool, half_pixel_centers: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions f32 [out], lower and upper neighbours i64 [out]."""
    aligned = align_corners and out > 1
    scale = np.float32(extent - 1) / np.float32(out - 1) if aligned else np.float32(extent) / np.float32(out)
    index = np.arange(out).astype(np.float32)
    half = np.float32(0.5)
    position = (index + half) * scale - half if half_pixel_centers else index * scale
    return position, np.maximum(np.floor(position), 0).astype(np.int64), np.minimum(np.ceil(position), extent - 1).astype(np.int64)
