# SPDX-License-Identifier: Apache-2.0
"""Addresses by lifetime: never two buffers on one byte at one time, never below the live bound, and how far above it."""

import itertools

import numpy as np
import pytest

from npuc import native
from npuc.plan.place import _first_fit, check_placement, first_fit_in_python, live_bound, place


def random_buffers(seed: int, count: int, steps: int = 40) -> list[tuple[int, int, int]]:
    """(size, first, last), sizes in granules of 16 bytes as the planner makes them."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, steps, count)
    lengths = rng.geometric(0.15, count)
    sizes = 16 * rng.integers(1, 200, count)
    return [(int(size), int(start), int(start + length)) for size, start, length in zip(sizes, starts, lengths, strict=True)]


def painted(buffers, offsets) -> bool:
    """Whether every (position, granule) belongs to at most one buffer, by painting them all: the slow way to say it."""
    ends = [offset + size for (size, _, _), offset in zip(buffers, offsets, strict=True)]
    picture = np.zeros((max(last for _, _, last in buffers) + 1, max(ends) // 16), int)
    for (size, first, last), offset in zip(buffers, offsets, strict=True):
        picture[first : last + 1, offset // 16 : (offset + size) // 16] += 1
    return picture.max() <= 1


@pytest.mark.parametrize("seed", range(60))
def test_random_buffers_never_share_a_byte(seed):
    buffers = random_buffers(seed, 1 + seed)
    for capacity in (0, live_bound(buffers), 10 * live_bound(buffers)):
        placement = place(buffers, capacity)
        assert painted(buffers, placement.offsets)
        assert check_placement(buffers, placement.offsets, placement.peak_bytes) == ""
        assert placement.peak_bytes == max(offset + size for (size, _, _), offset in zip(buffers, placement.offsets, strict=True))
        assert placement.live_bytes == live_bound(buffers) <= placement.peak_bytes
        assert placement.optimal == (placement.peak_bytes == placement.live_bytes)


@pytest.mark.parametrize("seed", range(20))
def test_the_live_bound_is_the_most_that_is_alive_at_once(seed):
    buffers = random_buffers(seed, 12)
    alive = [sum(size for size, first, last in buffers if first <= position <= last) for position in range(100)]
    assert live_bound(buffers) == max(alive)


def test_first_fit_stays_near_the_bound():
    """No theorem, a watch: over random instances of 60 buffers the mean loss is below a tenth."""
    ratios = []
    for seed in range(30):
        placement = place(random_buffers(seed, 60), 0)
        ratios.append(placement.peak_bytes / placement.live_bytes)
    assert np.mean(ratios) < 1.1
    assert max(ratios) < 1.3


@pytest.mark.parametrize("seed", range(15))
def test_small_instances_against_every_order(seed):
    """The best first fit over all orders of six buffers is optimal for first fit; ours may be worse, never better, never below the bound."""
    buffers = random_buffers(100 + seed, 6, steps=6)
    best = min(_first_fit_peak(buffers, order) for order in itertools.permutations(range(6)))
    found = place(buffers, 0).peak_bytes
    assert live_bound(buffers) <= best <= found


def _first_fit_peak(buffers, order) -> int:
    placed: list[tuple[int, int, int]] = []
    for index in order:
        size, first, last = buffers[index]
        offset = 0
        for start, stop in sorted((o, o + buffers[i][0]) for o, i, _ in placed if buffers[i][1] <= last and first <= buffers[i][2]):
            if start >= offset + size:
                break
            offset = max(offset, stop)
        placed.append((offset, index, 0))
    return max(offset + buffers[index][0] for offset, index, _ in placed)


def test_buffers_one_after_the_other_share_one_place():
    assert place([(64, 0, 1), (48, 2, 3), (64, 4, 9)], 64).offsets == (0, 0, 0)


def test_a_position_in_common_is_a_conflict():
    placement = place([(64, 0, 2), (64, 2, 4)], 128)
    assert sorted(placement.offsets) == [0, 64]


def test_nothing_to_place():
    placement = place([], 100)
    assert (placement.offsets, placement.peak_bytes, placement.live_bytes) == ((), 0, 0)
    assert live_bound([]) == 0


@pytest.mark.parametrize(
    ("buffers", "offsets", "capacity", "complaint"),
    [
        ([(16, 0, 1), (16, 1, 2)], (0, 8), 64, "buffers 0 and 1 overlap in time and space"),
        ([(16, 0, 1), (16, 2, 3)], (0, 8), 64, ""),
        ([(16, 0, 1), (16, 1, 2)], (0, 16), 64, ""),
        ([(16, 0, 1)], (49,), 64, "buffer 0 lies at 49..65, wanted 0..64"),
        ([(16, 0, 1)], (-1,), 64, "buffer 0 lies at -1..15, wanted 0..64"),
        ([(64, 0, 9), (16, 4, 4)], (0, 32), 64, "buffers 0 and 1 overlap in time and space"),
    ],
)
def test_the_check_of_a_placement(buffers, offsets, capacity, complaint):
    assert check_placement(buffers, offsets, capacity) == complaint


@pytest.mark.parametrize("seed", range(40))
def test_the_check_agrees_with_a_picture(seed):
    """Good placements with some buffers moved, most of them into others."""
    rng = np.random.default_rng(seed)
    buffers = random_buffers(seed, 25)
    placement = place(buffers, 0)
    verdicts = set()
    for _ in range(30):
        offsets = list(placement.offsets)
        for index in rng.integers(0, len(buffers), int(rng.integers(0, 3))):
            offsets[index] = 16 * int(rng.integers(0, placement.peak_bytes // 16))
        good = painted(buffers, offsets)
        assert (check_placement(buffers, offsets, 2 * placement.peak_bytes) == "") == good
        verdicts.add(good)
    assert verdicts == {True, False}


def test_the_same_buffers_get_the_same_addresses():
    buffers = random_buffers(7, 50)
    assert place(buffers, 0) == place(list(buffers), 0)


@pytest.mark.skipif(native.module() is None, reason="npuc._native is not built (no C++ compiler at installation)")
@pytest.mark.parametrize("seed", range(20))
def test_first_fit_in_cpp_is_the_one_in_python(seed):
    buffers = random_buffers(seed, 1 + 12 * seed, steps=(10, 40, 3000)[seed % 3])
    order = np.random.default_rng(seed).permutation(len(buffers)).tolist()
    assert _first_fit(buffers, order) == first_fit_in_python(buffers, order)
