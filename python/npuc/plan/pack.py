# SPDX-License-Identifier: Apache-2.0
"""Complete search for a placement below a given top: finds one, or proves that there is none, if its budget lasts.

A placement can be let down until each buffer rests on address 0 or on another. So only such are looked for, lowest address first:
each buffer in turn is put on what lies under it, never below the one before. The order makes most branches vanish:

    a buffer above the place where another would fit whole is not next: that one could be let down
    a buffer whose floor lies below the last address must come to rest on another that is still to come
    of buffers alive in one section, taken in the order of the lowest addresses they can have, none may end above the top
    buffers of one size and lifetime are one choice
    what is left and shares no section falls into parts, each searched by itself
    a part whose buffers and floors failed before fails again

An attempt ends after a number of nodes; the next one starts afresh and prefers the buffers of the sections that overflowed.
(Order from below, the pruning of what could be let down and the sections follow M. Moffitt, "MiniMalloc", ASPLOS 2023; program our own.)
Numbers alone decide, so a result is the same everywhere. Where npuc._native is built, its copy of the search runs instead.
"""

import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npuc.native import module

Lifetime = tuple[int, int, int]
"""size in bytes, first position, last position (inclusive)."""

# buffers that the search is tried for at most: it descends once a buffer
MAX_BUFFERS = 2000
# nodes of the first attempt of a round, and attempts in a round, each twice as long as the one before
FIRST_NODES, ATTEMPTS = 500, 5
# failed parts that are remembered at the start of a round, at most
REMEMBERED = 1_000_000

UNKNOWN, FOUND, EXHAUSTED = range(3)
PLAIN, MOST, SUM = range(3)
_NOWHERE = (1 << 31) - 1


@dataclass(frozen=True)
class Packing:
    """What the search found.

    Attributes:
        offsets: empty where none was found.
        impossible: no placement exists, proved.
        looks: buffers looked at, the measure of its cost.
    """

    offsets: tuple[int, ...]
    impossible: bool
    looks: int


def pack(buffers: Sequence[Lifetime], top_bytes: int, max_looks: int, packer: Callable[..., Any] | None = None) -> Packing:
    """Offsets of `buffers` below `top_bytes`.

    Args:
        buffers: sizes of at least 1.
        max_looks: ends the search, once exceeded at the end of an attempt.
        packer: the search itself; `None`: the native one, else `Packer`.
    """
    unit = math.gcd(*(size for size, _, _ in buffers)) if buffers else 1
    whole = sum(size for size, _, _ in buffers) // unit
    if not 0 < len(buffers) <= MAX_BUFFERS or whole >= _NOWHERE or top_bytes < max(size for size, _, _ in buffers):
        return Packing((), False, 0)
    lows, highs, sections = _sections(buffers)
    order = sorted(range(len(buffers)), key=lambda i: (lows[i], i))
    figures = [np.array([column[i] for i in order], np.int32) for column in ([size // unit for size, _, _ in buffers], lows, highs)]
    make = packer or native() or Packer
    search = make(figures[0], figures[1], figures[2], sections, min(top_bytes // unit, whole))
    for weighing, ranks in _rounds([buffers[i] for i in order], figures):
        search.restart()
        for attempt in range(ATTEMPTS):
            verdict = search.attempt(ranks(attempt), weighing, FIRST_NODES << attempt)
            if verdict == FOUND:
                offsets = dict(zip(order, search.offsets, strict=True))
                return Packing(tuple(int(offsets[i]) * unit for i in range(len(buffers))), False, search.looks)
            if verdict == EXHAUSTED or search.looks > max_looks:
                return Packing((), verdict == EXHAUSTED, search.looks)
    raise AssertionError("rounds never end")


def native() -> Any:
    """`npuc._native.Packer`, or None where it is not built."""
    return getattr(module(), "Packer", None)


def _sections(buffers: Sequence[Lifetime]) -> tuple[list[int], list[int], int]:
    """First and last section of every buffer, and how many there are: one for each largest set of buffers alive together."""
    events = sorted(event for i, (_, first, last) in enumerate(buffers) for event in ((first, 1, i), (last + 1, 0, i)))
    lows, highs = [0] * len(buffers), [0] * len(buffers)
    section, grown = 0, False
    for _, comes, i in events:
        if comes:
            lows[i], grown = section, True
            continue
        section, grown = section + grown, False
        highs[i] = section - 1
    return lows, highs, section


def _rounds(buffers: Sequence[Lifetime], figures: Sequence[np.ndarray]) -> Iterator[tuple[int, Callable[[int], np.ndarray]]]:
    """How overflows weigh, and what breaks ties in each attempt: sizes, areas, lengths, chance (seeded by the round)."""
    sizes, lows, highs = (column.astype(np.int64) for column in figures)
    lengths = np.array([last - first + 1 for _, first, last in buffers], np.int64)
    areas = sizes * lengths
    load = np.zeros(int(highs.max()) + 1, np.int64)
    for size, low, high in zip(sizes, lows, highs, strict=True):
        load[low : high + 1] += size
    crowds = np.array([load[low : high + 1].max() for low, high in zip(lows, highs, strict=True)])

    def fixed(*keys: np.ndarray) -> Callable[[int], np.ndarray]:
        ranks = _ranks(np.lexsort([-key for key in reversed(keys)]))
        return lambda attempt: ranks

    def chance(number: int) -> Callable[[int], np.ndarray]:
        return lambda attempt: _ranks(np.argsort(_mixed(len(buffers), number * ATTEMPTS + attempt), kind="stable"))

    by_length, by_area = fixed(lengths, areas, crowds), fixed(areas, lengths, crowds)
    by_crowd, by_size = fixed(crowds, areas, lengths), fixed(sizes, lengths, crowds)
    for number in itertools.count():
        yield from ((SUM, chance(3 * number)), (SUM, by_length), (MOST, chance(3 * number + 1)), (SUM, by_area), (MOST, by_size))
        yield from ((SUM, chance(3 * number + 2)), (SUM, by_size), (MOST, by_crowd), (MOST, by_area), (MOST, by_length))


def _ranks(order: np.ndarray) -> np.ndarray:
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return ranks


def _mixed(count: int, seed: int) -> np.ndarray:
    """`count` numbers without a pattern, the same in every version of numpy."""
    value = np.arange(count, dtype=np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ value >> np.uint64(shift)) * np.uint64(factor)
    return value ^ value >> np.uint64(31)


class Packer:
    """The search in Python. Sizes and addresses in units; buffers in the order of their first section.

    Attributes:
        offsets: of the last attempt, good where it says FOUND.
        nodes: of the last attempt; looks: buffers that all attempts looked at.
    """

    def __init__(self, sizes: np.ndarray, lows: np.ndarray, highs: np.ndarray, sections: int, capacity: int) -> None:
        self.sizes, self.lows, self.highs = sizes.tolist(), lows.tolist(), highs.tolist()
        self.sections, self.capacity = sections, capacity
        count = len(self.sizes)
        self.neighbours = [[j for j in range(count) if i != j and self._meet(i, j)] for i in range(count)]
        self.weights = [0] * sections
        self.failed: dict[tuple[tuple[int, int], ...], int] = {}
        self.offsets: list[int] = []
        self.nodes = self.looks = 0

    def _meet(self, i: int, j: int) -> bool:
        return self.lows[i] <= self.highs[j] and self.lows[j] <= self.highs[i]

    def restart(self) -> None:
        """Forget where attempts failed; what was proved stays, up to a limit."""
        self.weights = [0] * self.sections
        if len(self.failed) > REMEMBERED:
            self.failed.clear()

    def attempt(self, ranks: np.ndarray, weighing: int, max_nodes: int) -> int:
        """One descent from the start over at most `max_nodes` nodes; `ranks` break ties, lower first."""
        count = len(self.sizes)
        self.ranks, self.weighing, self.max_nodes = ranks.tolist(), weighing, max_nodes
        self.nodes, self.over = 0, False
        self.offsets, self.floors, self.placed = [0] * count, [0] * count, [False] * count
        self.raised: list[tuple[int, int]] = []
        self.order: list[int] = []
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 4 * count + 1000))
        try:
            done = self._solve(list(range(count)), 0)
        finally:
            sys.setrecursionlimit(limit)
        if done:
            return FOUND
        return UNKNOWN if self.over else EXHAUSTED

    def _solve(self, group: list[int], last: int) -> bool:
        """Parts of the group that share no section are independent: each must succeed."""
        parts: list[list[int]] = []
        reach = -1
        for i in group:
            if self.lows[i] > reach:
                parts.append([])
            parts[-1].append(i)
            reach = max(reach, self.highs[i])
        for part in sorted(parts, key=len):
            if not self._branch(part, last):
                return False
        return True

    def _branch(self, group: list[int], last: int) -> bool:
        here = tuple((i, self.floors[i]) for i in group)
        if self.failed.get(here, _NOWHERE) <= last:
            return False
        self.nodes += 1
        if self.nodes > self.max_nodes:
            self.over = True
            return False
        self.looks += len(group)
        limit = min(self.floors[i] + self.sizes[i] for i in group)
        if limit > last:
            section = self._failing_section(group, last)
            if section is None:
                if self._try(group, last, limit):
                    return True
                if self.over:
                    return False
            else:
                self.weights[section] += 1
        self.failed[here] = min(self.failed.get(here, last), last)
        return False

    def _try(self, group: list[int], last: int, limit: int) -> bool:
        tried = set()
        for chosen in self._candidates(group, last, limit):
            kind = (self.lows[chosen], self.highs[chosen], self.sizes[chosen])
            if kind in tried:
                continue
            tried.add(kind)
            raised, placings = len(self.raised), len(self.order)
            self._put(chosen)
            if self._solve([i for i in group if i != chosen], self.offsets[chosen]):
                return True
            self._take_back(raised, placings)
            if self.over:
                return False
        return False

    def _failing_section(self, group: list[int], last: int) -> int | None:
        """The first section in which the buffers left cannot end below the top, whatever the order."""
        starts = {i: max(self.floors[i], last) for i in group}
        if any(self.floors[i] < last for i in group):
            starts |= self._carried(group, last, starts)
        for i in group:
            if starts[i] == _NOWHERE:
                return self.lows[i]
        tops = dict.fromkeys(range(self.lows[group[0]], max(self.highs[i] for i in group) + 1), 0)
        for i in sorted(group, key=lambda i: (starts[i], i)):
            for section in range(self.lows[i], self.highs[i] + 1):
                tops[section] = max(tops[section], starts[i]) + self.sizes[i]
        return next((section for section, top in tops.items() if top > self.capacity), None)

    def _carried(self, group: list[int], last: int, starts: dict[int, int]) -> dict[int, int]:
        """Lowest addresses of what lies deeper than `last` now: the lowest top of another buffer that it can rest on."""
        found = {}
        for i in group:
            if self.floors[i] < last:
                tops = (starts[j] + self.sizes[j] for j in group if j != i and self._meet(i, j))
                found[i] = min(tops, default=_NOWHERE)
        return found

    def _candidates(self, group: list[int], last: int, limit: int) -> list[int]:
        ways = [i for i in group if last <= self.floors[i] < limit]
        weigh = (lambda weights: 0, max, sum)[self.weighing]
        weight = {i: weigh(self.weights[self.lows[i] : self.highs[i] + 1]) for i in ways}
        return sorted(ways, key=lambda i: (self.floors[i], -weight[i], self.ranks[i]))

    def _put(self, index: int) -> None:
        self.offsets[index] = self.floors[index]
        self.placed[index] = True
        self.order.append(index)
        top = self.floors[index] + self.sizes[index]
        for other in self.neighbours[index]:
            if not self.placed[other] and self.floors[other] < top:
                self.raised.append((other, self.floors[other]))
                self.floors[other] = top

    def _take_back(self, raised: int, placings: int) -> None:
        while len(self.raised) > raised:
            other, floor = self.raised.pop()
            self.floors[other] = floor
        while len(self.order) > placings:
            self.placed[self.order.pop()] = False
