# SPDX-License-Identifier: Apache-2.0
"""Addresses for buffers with lifetimes: dynamic storage allocation by first fit in several orders, the best improved step by step."""

import bisect
import random
from collections.abc import Sequence
from dataclasses import dataclass


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

# parts of the program that placed buffers are listed by
_STRETCHES = 256

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
    """Each buffer in turn at the lowest address where it meets nobody who lives with it."""
    count = len(buffers)
    offsets = [-1] * count
    # placed buffers by stretches of time, so that only those that live nearby are looked at
    span = max((last for _, _, last in buffers), default=0) // _STRETCHES + 1
    stretches: list[list[int]] = [[] for _ in range(_STRETCHES + 1)]
    peak = 0
    for index in order:
        size, first, last = buffers[index]
        low, high = first // span, last // span
        near = stretches[low] if low == high else set().union(*stretches[low : high + 1])
        meets = sorted(
            (offsets[other], offsets[other] + buffers[other][0])
            for other in near
            if buffers[other][1] <= last and buffers[other][2] >= first
        )
        offset = 0
        for start, end in meets:
            if start - offset >= size:
                break
            offset = max(offset, end)
        offsets[index] = offset
        peak = max(peak, offset + size)
        for stretch in stretches[low : high + 1]:
            stretch.append(index)
    return tuple(offsets), peak


def check_placement(buffers: Sequence[Lifetime], offsets: Sequence[int], capacity_bytes: int) -> str:
    """Independent check of a plan: the empty string, or what is wrong with it.

    Goes through the program once with the living buffers in the order of their addresses: each newcomer must fit between its neighbours.
    """
    events = sorted(event for i, (_, first, last) in enumerate(buffers) for event in ((first, 1, i), (last + 1, 0, i)))
    living: list[tuple[int, int, int]] = []
    for _, comes, i in events:
        size = buffers[i][0]
        entry = (offsets[i], offsets[i] + size, i)
        at = bisect.bisect_left(living, entry)
        if not comes:
            living.pop(at)
            continue
        if offsets[i] < 0 or entry[1] > capacity_bytes:
            return f"buffer {i} lies at {offsets[i]}..{entry[1]}, wanted 0..{capacity_bytes}"
        for start, end, other in living[max(at - 1, 0) : at + 1]:
            if entry[0] < end and start < entry[1]:
                return f"buffers {min(i, other)} and {max(i, other)} overlap in time and space"
        living.insert(at, entry)
    return ""
