# SPDX-License-Identifier: Apache-2.0
"""Addresses for buffers with lifetimes: dynamic storage allocation, with a certificate.

First fit in several orders; where none is low enough a complete search (`npuc.plan.pack`); then steps that improve the best order,
or, at the highest effort and where ortools is installed, CP-SAT (`npuc.plan.solver`).

How the planner calls it: `place` for every candidate, with the bytes that it may use: it stops at the first placement that fits, which
costs little. `tighten` once, for the schedule chosen: it brings the top down to the bound, or proves that no placement lies lower.
"""

import bisect
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npuc import native
from npuc.plan import solver
from npuc.plan.pack import Lifetime, Packing, pack


@dataclass(frozen=True)
class Placement:
    """Offsets by buffer and the certificate.

    Attributes:
        peak_bytes: the top of the plan.
        live_bytes: the most that is alive at one position; no placement has a lower top.
        proved_bytes: a higher bound, where a search proved that no placement lies lower; else 0.
        found_by: what made it: "first fit", "search", "steps" or "CP-SAT".
    """

    offsets: tuple[int, ...]
    peak_bytes: int
    live_bytes: int
    proved_bytes: int = 0
    found_by: str = "first fit"

    @property
    def bound_bytes(self) -> int:
        return max(self.live_bytes, self.proved_bytes)

    @property
    def optimal(self) -> bool:
        return self.peak_bytes == self.bound_bytes


# buffers that the search for a better order may place, all tries together
PLACED_BUFFERS = 12_000
# buffers that the complete search may look at, by effort: some 20 million a second
LOOKS_OF_EFFORT = (200_000, 2_000_000, 20_000_000, 200_000_000)
# the effort from which on CP-SAT is asked too, and its deterministic time
SOLVER_EFFORT, SOLVER_TIME = 3, 60.0

# efforts by which a placement is looked for again: as many as it was found by
AGAIN_EFFORTS = 2

# parts of the program that placed buffers are listed by
_STRETCHES = 256


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


def place(buffers: Sequence[Lifetime], capacity_bytes: int, *, climb: bool = True, effort: int = 0, orders: int | None = None) -> Placement:
    """Offsets so that buffers alive together do not overlap; stops at the first that fits or meets the live bound.

    The result may exceed `capacity_bytes`; the caller compares `peak_bytes`.

    Args:
        climb: where first fit does not fit, though it could, look further.
        effort: 0..3, how far.
        orders: in how many orders first fit is tried; None: in all.
    """
    bound = live_bound(buffers)
    best, order = _in_orders(buffers, bound, capacity_bytes, orders)
    if best.peak_bytes <= max(bound, capacity_bytes) or bound > capacity_bytes or not climb:
        return best
    found, by = _below(buffers, capacity_bytes, effort)
    if found.offsets:
        return _placement(buffers, found.offsets, bound, by)
    if found.impossible:
        return replace(best, proved_bytes=_next_top(buffers, capacity_bytes))
    return _climb(buffers, order, best, capacity_bytes)


def tighten(buffers: Sequence[Lifetime], placement: Placement, effort: int = 1) -> Placement:
    """The lowest placement that `effort` finds, `placement` or better, and the best bound that it proves.

    Tries the bound; what is proved impossible raises it; where neither comes out, tops half-way to the best known.
    """
    best, low = placement, placement.bound_bytes
    looks = LOOKS_OF_EFFORT[effort]
    while looks > 0 and low < best.peak_bytes:
        found, by = _below(buffers, low, effort, looks)
        looks -= max(found.looks, 1)
        if found.offsets:
            best = replace(_placement(buffers, found.offsets, best.live_bytes, by), proved_bytes=best.proved_bytes)
        elif found.impossible:
            low = _next_top(buffers, low)
            best = replace(best, proved_bytes=low)
        else:
            return _halve(buffers, best, low, effort)
    return best


def _halve(buffers: Sequence[Lifetime], best: Placement, low: int, effort: int) -> Placement:
    """Tops between one that was not reached and the best known, an eighth of the effort for each."""
    unit = _unit(buffers)
    for _ in range(8):
        top = low + (best.peak_bytes - low) // 2 // unit * unit
        if top in (low, best.peak_bytes):
            break
        found = pack(buffers, top, LOOKS_OF_EFFORT[effort] // 8)
        if found.offsets:
            best = replace(_placement(buffers, found.offsets, best.live_bytes, "search"), proved_bytes=best.proved_bytes)
        else:
            low = top
        if found.impossible:
            low = _next_top(buffers, top)
            best = replace(best, proved_bytes=low)
    return best


def place_again(buffers: Sequence[Lifetime], peak_bytes: int, capacity_bytes: int) -> Placement:
    """What a schedule tells of that was placed with `peak_bytes` before (0: unknown); any that fits where it is not found again."""
    plain = place(buffers, capacity_bytes)
    if plain.peak_bytes == peak_bytes:
        return plain
    for effort in range(AGAIN_EFFORTS if 0 < peak_bytes < capacity_bytes else 0):
        found = place(buffers, peak_bytes, effort=effort)
        if found.peak_bytes <= peak_bytes:
            return found
        if found.bound_bytes > peak_bytes:
            break
    return plain


def settle(buffers: Sequence[Lifetime], placement: Placement, capacity_bytes: int) -> Placement:
    """`placement`, or the next that `place_again` finds again from its own peak alone: so a schedule that is replayed has the same bytes."""
    again = place_again(buffers, placement.peak_bytes, capacity_bytes)
    while again.peak_bytes < placement.peak_bytes:
        placement, again = again, place_again(buffers, again.peak_bytes, capacity_bytes)
    return again


def _below(buffers: Sequence[Lifetime], top_bytes: int, effort: int, looks: int = 0) -> tuple[Packing, str]:
    """A placement below `top_bytes` by the complete search, and by CP-SAT where the effort asks for it; and who found it."""
    found = pack(buffers, top_bytes, looks or LOOKS_OF_EFFORT[effort])
    if found.offsets or found.impossible or effort < SOLVER_EFFORT:
        return found, "search"
    return solver.solve(buffers, top_bytes, SOLVER_TIME) or found, "CP-SAT"


def _placement(buffers: Sequence[Lifetime], offsets: tuple[int, ...], live_bytes: int, by: str) -> Placement:
    peak = max(offset + size for offset, (size, _, _) in zip(offsets, buffers, strict=True))
    return Placement(offsets, peak, live_bytes, found_by=by)


def _unit(buffers: Sequence[Lifetime]) -> int:
    return math.gcd(*(size for size, _, _ in buffers))


def _next_top(buffers: Sequence[Lifetime], top_bytes: int) -> int:
    """The lowest top above `top_bytes` that sums of sizes can have: let down, every buffer lies at such a sum."""
    unit = _unit(buffers)
    return (top_bytes // unit + 1) * unit


def _in_orders(buffers: Sequence[Lifetime], bound: int, capacity_bytes: int, most: int | None) -> tuple[Placement, list[int]]:
    """The best first fit over a few orders, or the first that is low enough, and its order."""
    keys = (
        lambda i: (-buffers[i][0], buffers[i][1]),
        lambda i: (-buffers[i][0] * (buffers[i][2] - buffers[i][1] + 1),),
        lambda i: (-buffers[i][2], buffers[i][1]),
        lambda i: (buffers[i][1] - buffers[i][2], -buffers[i][0]),
        lambda i: (buffers[i][1], -buffers[i][0]),
    )
    best: Placement | None = None
    order: list[int] = []
    for key in keys[:most]:
        tried = sorted(range(len(buffers)), key=lambda i: (*key(i), i))
        offsets, peak = _first_fit(buffers, tried)
        if best is None or peak < best.peak_bytes:
            best, order = Placement(offsets, peak, bound), tried
        if best.peak_bytes <= max(bound, capacity_bytes):
            break
    assert best is not None
    return best, order


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
                best = replace(best, offsets=placed, peak_bytes=peak, found_by="steps")
            if peak <= max(best.live_bytes, capacity_bytes):
                break
    return best


def _first_fit(buffers: Sequence[Lifetime], order: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """Each buffer in turn at the lowest address where it meets nobody who lives with it; in C++ where that is built."""
    engine = native.module()
    if engine is None:
        return first_fit_in_python(buffers, order)
    offsets, peak = engine.first_fit(np.asarray(buffers, np.int64).reshape(-1, 3), np.asarray(order, np.int64))
    return tuple(offsets), peak


def first_fit_in_python(buffers: Sequence[Lifetime], order: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """As `_first_fit`; this defines what is computed."""
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
