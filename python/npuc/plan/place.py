# SPDX-License-Identifier: Apache-2.0
"""Addresses for buffers with lifetimes: dynamic storage allocation by first fit, several orders, the best kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Placement:
    """Offsets by buffer, the top of the plan, and the lower bound that live ranges give (the certificate)."""

    offsets: tuple[int, ...]
    peak_bytes: int
    live_bytes: int

    @property
    def optimal(self) -> bool:
        return self.peak_bytes == self.live_bytes


Lifetime = tuple[int, int, int]
"""size in bytes, first position, last position (inclusive)."""


def live_bound(buffers: Sequence[Lifetime]) -> int:
    """Most bytes alive at one position: no placement needs less."""
    if not buffers:
        return 0
    events: dict[int, int] = {}
    for size, first, last in buffers:
        events[first] = events.get(first, 0) + size
        events[last + 1] = events.get(last + 1, 0) - size
    alive = most = 0
    for position in sorted(events):
        alive += events[position]
        most = max(most, alive)
    return most


def place(buffers: Sequence[Lifetime], capacity_bytes: int) -> Placement:
    """Offsets so that buffers alive together do not overlap; stops at the first order that meets the live bound.

    The result may exceed `capacity_bytes`; the caller compares `peak_bytes`.
    """
    bound = live_bound(buffers)
    count = len(buffers)
    orders = (
        sorted(range(count), key=lambda i: (-buffers[i][0], buffers[i][1], i)),
        sorted(range(count), key=lambda i: (-buffers[i][0] * (buffers[i][2] - buffers[i][1] + 1), i)),
        sorted(range(count), key=lambda i: (buffers[i][1], -buffers[i][0], i)),
        sorted(range(count), key=lambda i: (-(buffers[i][2] - buffers[i][1]), -buffers[i][0], i)),
    )
    best: Placement | None = None
    for order in orders:
        offsets, peak = _first_fit(buffers, order)
        if best is None or peak < best.peak_bytes:
            best = Placement(offsets, peak, bound)
        if best.peak_bytes == bound or best.peak_bytes <= capacity_bytes:
            break
    assert best is not None
    return best


def _first_fit(buffers: Sequence[Lifetime], order: Sequence[int]) -> tuple[tuple[int, ...], int]:
    count = len(buffers)
    sizes = np.array([b[0] for b in buffers], np.int64)
    firsts = np.array([b[1] for b in buffers], np.int64)
    lasts = np.array([b[2] for b in buffers], np.int64)
    offsets = np.full(count, -1, np.int64)
    placed = np.zeros(count, bool)
    for index in order:
        meets = np.nonzero(placed & (firsts <= lasts[index]) & (lasts >= firsts[index]))[0]
        offset = 0
        if len(meets):
            starts = offsets[meets]
            sequence = np.argsort(starts, kind="stable")
            starts = starts[sequence]
            ends = np.maximum.accumulate(starts + sizes[meets][sequence])
            # candidate gaps: below the first, between, above the last
            gap_starts = np.concatenate(([0], ends))
            gap_ends = np.concatenate((starts, [np.iinfo(np.int64).max]))
            offset = int(gap_starts[np.nonzero(gap_ends - gap_starts >= sizes[index])[0][0]])
        offsets[index] = offset
        placed[index] = True
    peak = int((offsets + sizes).max(initial=0))
    return tuple(int(o) for o in offsets), peak


def check_placement(buffers: Sequence[Lifetime], offsets: Sequence[int], capacity_bytes: int) -> str:
    """Independent check of a plan: the empty string, or what is wrong with it."""
    for i, (size, first, last) in enumerate(buffers):
        if offsets[i] < 0 or offsets[i] + size > capacity_bytes:
            return f"buffer {i} lies at {offsets[i]}..{offsets[i] + size}, wanted 0..{capacity_bytes}"
        for j in range(i):
            other_size, other_first, other_last = buffers[j]
            together = first <= other_last and other_first <= last
            if together and offsets[i] < offsets[j] + other_size and offsets[j] < offsets[i] + size:
                return f"buffers {j} and {i} overlap in time and space"
    return ""
