# SPDX-License-Identifier: Apache-2.0
"""How a run of weights is cut into sections with a code each, and the bits that the reference encoder of the parity machines needs for it.

The machines that the parity presets stand for have a published stream format: slices of at most 32767 weights, each with a head of 23 bits
(code of zero runs 3, length 15, code 3, cut 1, palette follows 1); a palette of up to 32 entries behind 13 bits; unary parts in chunks of
12 bits (8 of long zero runs), the last one filled up. Their compiler's encoder (Vela 5.2.0, mlw_encode) takes a palette for every 131072
weights and chooses codes greedily in one pass. `plan` makes the same choices, so its `reference_bits` are that encoder's to the bit.

Where npuc._native is built, its copy of the greedy pass runs instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from npuc import native

PART = 131072
"""Weights under one palette."""

PALETTE = 32
CUT = 6
BINARY = 12
MAX_QUOTIENT = 31
ZERO_CODES = 4

SWITCH_BITS = 40
"""What the greedy pass takes a change of code for."""

_VALUES = 512
_SLICE = 32767
_SLICE_HEAD = 23
_PALETTE_HEAD = 13
_CHUNK = 12
_LONG_RUN_CHUNK = 8
_BLOCKS = (256, 16384)

_FOLDED = np.arange(_VALUES)
# of 0..511 under every code but the binary one; what a code cannot hold is far dearer than anything
_COSTS = np.array(
    [(_FOLDED >> bits) + 1 + bits for bits in range(CUT)] + [np.minimum((_FOLDED >> bits) + 1, 2) + bits for bits in range(CUT)], np.int32
)
# the first value that a code cannot hold
_LIMITS = [MAX_QUOTIENT + 1 << bits for bits in range(CUT)] + [3 << bits for bits in range(CUT)]
_DEAR = np.where(_FOLDED < np.array(_LIMITS)[:, None], _COSTS, 1 << 20).astype(np.int64)
# the reference's symbols of 0..511 under every code, and the bits beside: a symbol has two quotient bits, three where the code is cut, the
# first of them in chunks and the others as they come
_STEPS = [(bits, 2) for bits in range(CUT)] + [(bits, 3) for bits in range(CUT)]
_REFERENCE = np.array([((_FOLDED >> bits) // step + 1, -(-(_FOLDED >> bits) // step) + bits) for bits, step in _STEPS])


@dataclass(frozen=True)
class Part:
    """At most `PART` weights, ready to be written.

    Attributes:
        palette: folded values by index.
        entry_bits: of a palette entry.
        direct: folded value that the first index behind the palette means.
        binary_bits: width of a plain index, 0 where that code may not be used.
        index: i32, one for each weight that is coded: its place in the palette, or its folded value behind it.
        runs: zeros before each coded weight and behind the last; None where zeros are coded like all others.
        zero_code: remainder bits of the runs.
        sections: (end, code) in order, codes that hold their values at the least bits.
        reference_bits: of the reference encoder's slices.
    """

    palette: np.ndarray
    entry_bits: int
    direct: int
    binary_bits: int
    index: np.ndarray
    runs: np.ndarray | None
    zero_code: int
    sections: tuple[tuple[int, int], ...]
    reference_bits: int


def plan(values: np.ndarray) -> Part:
    """The part for i16 [N], N in 1..PART, values in -255..255."""
    used = np.bincount(values + 256, minlength=_VALUES + 1)
    places = np.flatnonzero(values)
    runs = np.diff(places, prepend=-1, append=len(values)) - 1
    zeros, used[256] = int(used[256]), 0
    # zeros come mostly in runs, and far more often than any other value
    apart = int(runs[runs >= 2].sum()) >= zeros // 2 and zeros > 5 * int(used.max())
    if not apart:
        used[256] = zeros
    palette, everything, folded_used = _palette(used)
    largest, direct = (int(folded_used[-1]), min(int(folded_used[0]), 31)) if len(folded_used) else (0, 0)
    # the format has no palette of one entry
    size = 2 if len(palette) == 1 else len(palette)
    entry_bits = max(2, int(palette.max() if len(palette) else largest).bit_length())
    binary_bits = (size - 1).bit_length() if everything else 0 if size else entry_bits
    table = np.arange(_VALUES, dtype=np.int32) + np.int32(size - direct)
    # the encoder's own table says "minus zero" for a zero outside the palette: one more than needed
    table[0] += 1
    table[palette] = np.arange(len(palette))
    weights = np.arange(-256, 257)
    index = table[np.minimum(np.abs(weights) << 1 | (weights < 0), _VALUES - 1)].take((values[places] if apart else values) + np.int16(256))
    sections = choose_sections(index, binary_bits)
    histograms = list(_histograms(index, sections))
    zero_code = _greedy_run_code(runs) if apart else 0
    if len(index):
        slices, bits = _slices(sections), 0
        pieces = histograms if len(slices) == len(sections) else _histograms(index, [(end, code) for _, end, code in slices])
        for (_, _, code), counts in zip(slices, pieces, strict=True):
            bits += _SLICE_HEAD + _slice_bits(counts, code, binary_bits)
        bits += _run_bits(runs, slices, zero_code) if apart else 0
    else:
        # nothing but zeros: the encoder writes the first one as a weight of two bits
        coded = np.array([0, len(values) - 1])
        bits = _SLICE_HEAD + _slice_bits(np.array([0, 1]), 0, 0) + _run_bits(coded, [(0, 1, 0)], _greedy_run_code(coded))
    return Part(
        palette, entry_bits, direct, binary_bits, index, runs if apart else None,
        min(range(ZERO_CODES), key=lambda code: int((runs >> code).sum()) + len(runs) * code) if apart else 0,
        tuple((end, _least(counts, binary_bits)) for (end, _), counts in zip(sections, histograms, strict=True)),
        _PALETTE_HEAD + size * entry_bits + bits,
    )  # fmt: skip


def _palette(used: np.ndarray) -> tuple[np.ndarray, bool, np.ndarray]:
    """The entries, whether all values are among them, and the folded values in use; `used`: how often -256, -255, ... occur."""
    values = np.arange(-255, 256)
    counts = np.zeros(_VALUES, np.int64)
    counts[np.abs(values) << 1 | (values < 0)] = used[1:_VALUES]
    folded = np.flatnonzero(counts)
    everything = 0 < len(folded) <= PALETTE
    room = PALETTE
    if not everything and len(folded):
        # an index is at most 511, and one entry is no palette
        room = min(PALETTE, _VALUES - 1 - int(folded[-1]))
        room = 0 if room == 1 else room
    entries = folded[np.lexsort((-folded, -counts[folded]))][:room]
    if int(counts[entries].sum()) < int(counts.sum()) // 2:
        entries = entries[:0]
    return entries, everything, folded


def choose_sections(index: np.ndarray, binary_bits: int) -> list[tuple[int, int]]:
    """(end, code) of every section that the greedy pass finds in i32 [N]."""
    found = getattr(native.module(), "choose_sections", None)
    return found(index, binary_bits) if found else choose_sections_in_python(index, binary_bits)


def choose_sections_in_python(index: np.ndarray, binary_bits: int) -> list[tuple[int, int]]:
    """As `choose_sections`, by numpy alone."""
    if not len(index):
        return []
    if not binary_bits:
        return _Greedy(index, _LIMITS, _COSTS).run()
    return _Greedy(index, [*_LIMITS, _VALUES], np.concatenate((_COSTS, np.full((1, _VALUES), binary_bits, np.int32)))).run()


def _greedy_run_code(runs: np.ndarray) -> int:
    """The code that the greedy pass ends with for zero runs. Each of these codes holds everything, so there is one section."""
    codes = np.arange(ZERO_CODES)[:, None]
    sums = np.cumsum((runs >> codes) + (1 + codes), axis=1)
    best, least = sums.argmin(axis=0), sums.min(axis=0)
    active, at = int(best[0]), 1
    while True:
        shorter = least[at:] + SWITCH_BITS < sums[active, at - 1 : -1]
        if not shorter.any():
            return active
        at += int(shorter.argmax()) + 1
        active = int(best[at - 1])


class _Greedy:
    """Bits under every code, summed up together; another code takes over where it is `SWITCH_BITS` shorter than the active one."""

    def __init__(self, values: np.ndarray, limits: Sequence[int], costs: np.ndarray) -> None:
        self.values, self.limits, self.costs = values, limits, costs
        self.sums, self.holds, self.failed = [0] * len(limits), [False] * len(limits), [0] * len(limits)
        self.active, self.active_sum = -1, 0
        self.found: list[tuple[int, int]] = []

    def run(self) -> list[tuple[int, int]]:
        self._step(0)
        at, block = 1, _BLOCKS[1] // 4
        while at < len(self.values):
            piece = self.values[at : at + block]
            quiet = self._advance(at, piece)
            at += quiet
            if quiet < len(piece):
                self._step(at)
                at += 1
                block = max(block // 2, _BLOCKS[0])
            else:
                block = min(block * 2, _BLOCKS[1])
        end = len(self.values)
        if self.found and self.found[-1][1] == self.active:
            self.found[-1] = (end, self.active)
        else:
            self.found.append((end, self.active))
        return self.found

    def _step(self, at: int) -> None:
        """One value, by the rule itself."""
        value = int(self.values[at])
        for code, limit in enumerate(self.limits):
            if value >= limit:
                self.failed[code], self.holds[code] = at + 1, False
                self.sums[code] += SWITCH_BITS
                continue
            # a code that failed goes on from where the active one is
            self.sums[code] = (self.sums[code] if self.holds[code] else self.active_sum) + int(self.costs[code, value])
            self.holds[code] = True
        best = min((code for code, holds in enumerate(self.holds) if holds), key=self.sums.__getitem__)
        active = self.active
        if active < 0 or not self.holds[active] or (best != active and self.sums[best] + SWITCH_BITS < self.active_sum):
            # a code that was cheaper and held everything since the other failed last takes the section over from its start
            if active >= 0 and (self.sums[best] >= self.sums[active] or self.failed[best] > self.failed[active]):
                self.found.append((at, active))
            self.active = best
        self.active_sum = self.sums[self.active]

    def _advance(self, at: int, piece: np.ndarray) -> int:
        """Sums over the values before the first at which the active code may change; how many they are."""
        count, active, top = len(piece), self.active, int(piece.max())
        own = self.costs[active].take(piece)
        quiet = int(np.argmax(piece >= self.limits[active])) if self.limits[active] <= top else count
        ahead: dict[int, np.ndarray] = {}
        for code, limit in enumerate(self.limits):
            if code == active:
                continue
            # bits over those of the active code, since the piece began
            over = np.cumsum(self.costs[code].take(piece) - own)
            ahead[code] = over
            start = self.active_sum - self.sums[code] if self.holds[code] else 0
            if limit > top:
                if int(over.min()) - start >= -SWITCH_BITS:
                    continue
                hits = over - start < -SWITCH_BITS - own
            else:
                # no fall below the highest so far: none below the last restart either
                if int((over - np.maximum(np.maximum.accumulate(over), start)).min()) >= -SWITCH_BITS:
                    continue
                fails = piece >= limit
                last = np.maximum.accumulate(np.where(fails, np.arange(count), -1))
                hits = (over - np.where(last >= 0, over[last], start) < -SWITCH_BITS - own) & ~fails
            first = int(np.argmax(hits))
            if hits[first]:
                quiet = min(quiet, first)
        if quiet:
            self._sum_up(at, piece[:quiet], self.active_sum + int(own[:quiet].sum()), ahead)
        return quiet

    def _sum_up(self, at: int, piece: np.ndarray, active_sum: int, ahead: dict[int, np.ndarray]) -> None:
        for code, over in ahead.items():
            fails = np.flatnonzero(piece >= self.limits[code])
            if len(fails):
                last = int(fails[-1])
                self.failed[code], self.holds[code] = at + last + 1, last < len(piece) - 1
                self.sums[code] = active_sum + int(over[len(piece) - 1] - over[last])
            else:
                start = self.sums[code] - self.active_sum if self.holds[code] else 0
                self.sums[code], self.holds[code] = active_sum + int(over[len(piece) - 1]) + start, True
        self.sums[self.active] = self.active_sum = active_sum


def _slices(sections: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(start, end, code): sections cut at the longest length of a slice."""
    found, start = [], 0
    for end, code in sections:
        while start < end:
            stop = min(end, start + _SLICE)
            found.append((start, stop, code))
            start = stop
    return found


def _chunks(bits: int, size: int) -> int:
    """Bits of whole chunks."""
    return -(-bits // size) * size


def _histograms(index: np.ndarray, sections: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
    """How often 0, 1, ... occur in every section."""
    start = 0
    for end, _ in sections:
        yield np.bincount(index[start:end])
        start = end


def _slice_bits(counts: np.ndarray, code: int, binary_bits: int) -> int:
    """Weights of a slice."""
    if code == BINARY:
        return int(counts.sum()) * binary_bits
    symbols, others = _REFERENCE[code, :, : len(counts)] @ counts
    return _chunks(int(symbols), _CHUNK) + int(others)


def _run_bits(runs: np.ndarray, slices: Sequence[tuple[int, int, int]], code: int) -> int:
    """Zero runs of the slices: the first slice has the run before it too."""
    bits = 0
    for number, (start, stop, _) in enumerate(slices):
        piece = runs[start + bool(number) : stop + 1]
        bits += _chunks(int((piece >> code).sum()) + len(piece), _CHUNK if code < 3 else _LONG_RUN_CHUNK) + len(piece) * code
    return bits


def _least(counts: np.ndarray, binary_bits: int) -> int:
    """The code that holds a section at the least bits: the greedy pass does not always find it."""
    bits = _DEAR[:, : len(counts)] @ counts
    code = int(bits.argmin())
    return BINARY if binary_bits and int(counts.sum()) * binary_bits < bits[code] else code
