# SPDX-License-Identifier: Apache-2.0
"""Instructions with legal random fields, their operands in memory in every layout the machine knows. Helpers, no tests."""

from dataclasses import replace

import numpy as np

from npuc.isa.base import BRICK, DType, Operand, Space

_DTYPES = {np.dtype(np.int8): DType.I8, np.dtype(np.int16): DType.I16, np.dtype(np.int32): DType.I32}


class Arena:
    """Two small memories that hand out places one after the other."""

    def __init__(self, seed: int, sizes: dict[Space, int] | None = None):
        self.random = np.random.default_rng(seed)
        sizes = sizes or {Space.SRAM: 1 << 17, Space.DRAM: 1 << 17}
        self.memory = {space: np.full(size, 0xA5, np.uint8) for space, size in sizes.items()}
        self.used = dict.fromkeys(sizes, 0)

    def take(self, space: Space, size: int) -> int:
        """A fresh range, aligned to 4 bytes."""
        base = self.used[space]
        self.used[space] = -(-(base + size) // 4) * 4
        assert self.used[space] <= len(self.memory[space]), "the arena of this test is full"
        return base

    def view(self, shape: tuple[int, ...], dtype: DType = DType.I8, space: Space = Space.SRAM, plain: bool = False) -> Operand:
        """A place for [N, H, W, C]: dense, with gaps between pixels and rows, or a ring of rows; whole bricks of channels maybe in bricks."""
        n, height, width, channels = shape
        element = dtype.bytes
        kind = 0 if plain else int(self.random.integers(3 if n == 1 else 2))
        gap_c, gap_w = (int(gap) * element for gap in self.random.integers(0, 4, 2)) if kind else (0, 0)
        pixel = channels * element + gap_c
        row = width * pixel + gap_w
        bricks = 0
        if not plain and channels > BRICK and channels % BRICK == 0 and self.random.random() < 0.5:
            pixel = BRICK * element + gap_c
            bricks = width * pixel + gap_w
            row = channels // BRICK * bricks
        if kind < 2:
            base = self.take(space, n * height * row)
            return Operand(space, dtype, base, shape, (height * row, row, pixel, element), brick_stride=bricks)
        ring = height + int(self.random.integers(0, 3))
        base = self.take(space, ring * row)
        first = int(self.random.integers(ring))
        return Operand(space, dtype, base, shape, (ring * row, row, pixel, element), wrap_rows=ring, first_row=first, brick_stride=bricks)

    def put(self, values: np.ndarray, space: Space = Space.SRAM, plain: bool = False) -> Operand:
        """Store `values` [N, H, W, C] somewhere."""
        view = self.view(values.shape, _DTYPES[values.dtype], space, plain)
        view.write(self.memory[space], values)
        return view

    def get(self, view: Operand) -> np.ndarray:
        """What a view holds."""
        return view.read(self.memory[view.space])

    def integers(self, shape: tuple[int, ...], dtype: type = np.int8) -> np.ndarray:
        """Random values, one in four an extreme of an i8."""
        values = self.random.integers(-128, 128, shape).astype(dtype)
        return np.where(self.random.random(shape) < 0.25, self.random.choice(np.array([-128, 127], dtype), shape), values)

    def scale(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Multipliers and shifts that bring sums of a few thousand into an i8, some multipliers 0."""
        multiplier = self.random.integers(1 << 30, 1 << 31, count)
        multiplier = np.where(self.random.random(count) < 0.1, 0, multiplier).astype(np.int32)
        return multiplier, self.random.integers(30, 44, count).astype(np.int32)


def padded(view: Operand, pads: tuple[int, int, int, int], value: int) -> Operand:
    """The view with padding."""
    return replace(view, pad=pads, pad_value=value)


def rescaled(value: int, multiplier: int, shift: int, zp_out: int, lo: int, hi: int, double_round: bool) -> int:
    """TOSA's RESCALE of one number in Python's unbounded integers."""
    rounding = 1 << (shift - 1)
    if double_round and shift > 31:
        rounding += (1 << 30) if value >= 0 else -(1 << 30)
    return max(lo, min(hi, ((value * multiplier + rounding) >> shift) + zp_out))


def rescale_oracle(
    acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, zp_out: int, lo: int, hi: int, double_round: bool
) -> np.ndarray:
    """`rescaled` for every number; multiplier and shift broadcast against acc."""
    pairs = np.broadcast_arrays(acc.astype(object), multiplier.astype(object), shift.astype(object))
    return np.frompyfunc(lambda v, m, s: rescaled(int(v), int(m), int(s), zp_out, lo, hi, double_round), 3, 1)(*pairs).astype(np.int64)
