# SPDX-License-Identifier: Apache-2.0
"""Windows that slide over H and W: convolution, depthwise convolution, pooling.

Output position o of a dimension reads input positions o * stride - before + k * dilation, 0 <= k < kernel. Trailing positions that
the stride never reaches stay unread, as in PyTorch and TFLite (TOSA wants them trimmed; a tile, which is exact, has them trimmed).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from npuc.ops.base import Region

Pair = tuple[int, int]
Extents = tuple[int, ...]
Pads = tuple[int, int, int, int]


@dataclass(frozen=True)
class Axis:
    """A window along one dimension of `extent` positions with `before` and `after` positions of padding."""

    extent: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def reach(self) -> int:
        """Positions from the first to the last tap."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        return (self.extent + self.before + self.after - self.reach) // self.stride + 1

    def cut(self, start: int, size: int) -> tuple[Pair, Pair]:
        """Input (start, size) and padding (before, after) of output positions start .. start + size - 1."""
        low = start * self.stride - self.before
        high = (start + size - 1) * self.stride - self.before + self.reach
        first, last = max(low, 0), min(high, self.extent)
        return (first, last - first), (first - low, high - last)

    def problems(self, name: str) -> Iterator[str]:
        """What is wrong along dimension `name` ("rows" or "columns")."""
        if min(self.kernel, self.stride, self.dilation) < 1:
            yield f"kernel {self.kernel}, stride {self.stride}, dilation {self.dilation} along {name}, wanted at least 1 each"
            return
        if min(self.before, self.after) < 0:
            yield f"padding is {self.before}, {self.after} along {name}, wanted at least 0"
            return
        if max(self.before, self.after) >= self.reach:
            # so every window meets the image, and a tile never reads nothing
            yield f"padding is {self.before}, {self.after} along {name}, wanted less than the kernel's reach {self.reach}"
            return
        padded = self.extent + self.before + self.after
        if padded < self.reach:
            yield f"padded input has {padded} {name}, wanted at least the kernel's reach {self.reach}"


def axes(image: Extents, kernel: Extents, strides: Pair, dilation: Pair, pads: Pads) -> tuple[Axis, Axis]:
    """The windows along H and W."""
    top, bottom, left, right = pads
    return (
        Axis(image[0], kernel[0], strides[0], dilation[0], top, bottom),
        Axis(image[1], kernel[1], strides[1], dilation[1], left, right),
    )


def window_problems(both: tuple[Axis, Axis]) -> Iterator[str]:
    """What is wrong along rows and columns."""
    yield from both[0].problems("rows")
    yield from both[1].problems("columns")


def cut_windows(both: tuple[Axis, Axis], region: Region) -> tuple[Region, Pads]:
    """Input region of H and W, and padding, of the output `region` (its H and W)."""
    rows, (top, bottom) = both[0].cut(*region[0])
    columns, (left, right) = both[1].cut(*region[1])
    return (rows, columns), (top, bottom, left, right)
