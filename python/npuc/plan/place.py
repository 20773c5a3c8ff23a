# SPDX-License-Identifier: Apache-2.0
"""Addresses for buffers with lifetimes: dynamic storage allocation by first fit in several orders, the best improved step by step."""

import random
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


# buffers that the search for a better order may place, all tries together
PLACED_BUFFERS = 12_000

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
    """Offsets so that buffers alive together do not overlap; stops at the first that fits or meets the live bound.

    The result may exceed `capacity_bytes`; the caller compares `peak_bytes`.
    """
    bound = live_bound(buffers)
    count = len(buffers)
    keys = (
        lambda i: (-buffers[i][0], buffers[i][1]),
        lambda i: (-buffers[i][0] * (buffers[i][2] - buffers[i][1] + 1),),
        lambda i: (-buffers[i][2], buffers[i][1]),
        lambda i: (buffers[i][1] - buffers[i][2], -buffers[i][0]),
        lambda i: (buffers[i][1], -buffers[i][0]),
    )
    best: Placement | None = None
    order: list[int] = []
    for key in keys:
        tried = sorted(range(count), key=lambda i: (*key(i), i))
        offsets, peak = _first_fit(buffers, tried)
        if best is None or peak < best.peak_bytes:
            best, order = Placement(offsets, peak, bound), tried
        if best.peak_bytes <= max(bound, capacity_bytes):
            return best
    assert best is not None
    return _climb(buffers, order, best, capacity_bytes) if bound <= capacity_bytes else best


def _climb(buffers: Sequence[Lifetime], order: list[int], best: Placement, capacity_bytes: int) -> Placement:
    """Move what lies on top ahead in the order, a step at a time; a fixed number of tries, the same in every run."""
    chance = random.Random(0)
    count = len(order)
    current = best.peak_bytes
    offsets = best.offsets
    for _ in range(PLACED_BUFFERS // max(count, 1)):
        top = [i for i in order if offsets[i] + buffers[i][0] == current]
        mover = chance.choice(top)
        # with whom it shares its lifetime decides where it can go
        _, first, last = buffers[mover]
        place_of = order.index(mover)
        ahead = [k for k in range(place_of) if buffers[order[k]][1] <= last and buffers[order[k]][2] >= first]
        if not ahead:
            break
        tried = order.copy()
        other = chance.choice(ahead)
        if chance.random() < 0.5:
            tried.insert(other, tried.pop(place_of))
        else:
            tried[other], tried[place_of] = tried[place_of], tried[other]
        placed, peak = _first_fit(buffers, tried)
        if peak <= current:
            order, offsets, current = tried, placed, peak
            if peak < best.peak_bytes:
                best = Placement(placed, peak, best.live_bytes)
            if peak <= max(best.live_bytes, capacity_bytes):
                break
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
