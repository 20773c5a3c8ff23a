# SPDX-License-Identifier: Apache-2.0
"""The complete search for placements: what it finds is sound, what it calls impossible is, and both its forms say the same."""

import itertools
import random

import pytest

from npuc.plan import pack as plan_pack
from npuc.plan import place as plan_place
from npuc.plan import solver
from npuc.plan.pack import Packer, Packing, pack
from npuc.plan.place import Placement, check_placement, live_bound, place, place_again, tighten

# 10 are alive at most, and 11 are needed
GAP = [(3, 2, 5), (6, 4, 6), (2, 6, 7), (2, 6, 8), (4, 7, 8), (4, 8, 10), (6, 9, 12)]


def filled(seed: int, capacity: int = 10, steps: int = 16) -> list[tuple[int, int, int]]:
    """(size, first, last) of buffers that fill `capacity` at every position: each step half of them end, others take their room."""
    chance = random.Random(seed)
    living: list[tuple[int, int]] = []
    buffers = []
    for step in range(steps):
        ended = [one for one in living if chance.random() < 0.5]
        for one in ended:
            living.remove(one)
        buffers += [(size, first, step - 1) for size, first in ended]
        free = capacity - sum(size for size, _ in living)
        while free:
            living.append((chance.randint(1, min(6, free)), step))
            free -= living[-1][0]
    return buffers + [(size, first, steps - 1) for size, first in living]


def lowest_top(buffers) -> int:
    """The lowest top of first fit over all orders. One of them lets down an optimal placement, so no placement is lower."""
    return min(_first_fit_top(buffers, order) for order in itertools.permutations(range(len(buffers))))


def _first_fit_top(buffers, order) -> int:
    placed: list[tuple[int, int, int, int]] = []
    for size, first, last in (buffers[i] for i in order):
        offset = 0
        for start, stop in sorted((low, high) for low, high, a, b in placed if a <= last and first <= b):
            if start >= offset + size:
                break
            offset = max(offset, stop)
        placed.append((offset, offset + size, first, last))
    return max(high for _, high, _, _ in placed)


@pytest.mark.parametrize("seed", range(40))
def test_small_instances_reach_the_lowest_top_of_all_orders(seed):
    chance = random.Random(seed)
    buffers = [(chance.choice((2, 3, 5, 7)), first, first + chance.randrange(4)) for first in (chance.randrange(6) for _ in range(7))]
    lowest = lowest_top(buffers)
    assert check_placement(buffers, pack(buffers, lowest, 10**6).offsets, lowest) == ""
    assert pack(buffers, lowest - 1, 10**6).offsets == ()


@pytest.mark.parametrize("seed", range(20))
def test_full_instances_are_placed_or_proved_impossible(seed):
    buffers = filled(seed)
    found = pack(buffers, 10, 3_000_000)
    assert found.impossible or check_placement(buffers, found.offsets, 10) == ""
    assert pack([(size * 48, first, last) for size, first, last in buffers], 480, 3_000_000).looks == found.looks


def test_some_buffers_cannot_meet_their_live_bound():
    assert live_bound(GAP) == 10
    assert lowest_top(GAP) == 11
    assert pack(GAP, 10, 10**6).impossible and pack(GAP, 10, 10**6, Packer).impossible
    if solver.available():
        assert solver.solve(GAP, 10, 60.0) == Packing((), True, 0)


@pytest.mark.skipif(plan_pack.native() is None, reason="npuc._native is not built (no C++ compiler at installation)")
@pytest.mark.parametrize("seed", range(60))
def test_native_and_python_search_alike(seed):
    buffers = filled(seed, capacity=9, steps=8)
    for top in (8, 9, 10):
        assert pack(buffers, top, 20_000, Packer) == pack(buffers, top, 20_000, plan_pack.native())


@pytest.mark.skipif(plan_pack.native() is None, reason="npuc._native is not built (no C++ compiler at installation)")
def test_the_native_search_refuses_what_it_cannot_read():
    import numpy as np

    def column(*values):
        return np.array(values, np.int32)

    packer = plan_pack.native()
    for sizes, lows, highs in [((0,), (0,), (0,)), ((1,), (1,), (0,)), ((1,), (0,), (5,)), ((1, 1), (1, 0), (1, 1)), ((1,), (-1,), (0,))]:
        with pytest.raises(ValueError, match="wanted"):
            packer(column(*sizes), column(*lows), column(*highs), 2, 9)
    with pytest.raises(ValueError, match="wanted 2"):
        packer(column(1, 1), column(0), column(0, 0), 2, 9)
    search = packer(column(4, 5), column(0, 0), column(1, 1), 2, 9)
    for ranks, weighing in [((0,), 0), ((0, 1), 3), ((0, 1), -1)]:
        with pytest.raises(ValueError, match="wanted"):
            search.attempt(column(*ranks), weighing, 10)
    assert search.attempt(column(0, 1), 0, 10) == plan_pack.FOUND
    assert sorted(search.offsets) in ([0, 4], [0, 5])


@pytest.mark.parametrize("buffers", [[], [(7, 0, 3)], [(1, 0, 0)] * (plan_pack.MAX_BUFFERS + 1)])
def test_what_the_search_leaves_alone(buffers):
    assert pack(buffers, 5, 1000) == Packing((), False, 0)


@pytest.mark.parametrize("seed", range(30))
def test_tightened_placements_are_never_higher_and_their_bounds_never_above_them(seed):
    buffers = filled(seed)
    first = place(buffers, 0)
    lower = tighten(buffers, first)
    assert live_bound(buffers) == lower.live_bytes <= lower.bound_bytes <= lower.peak_bytes <= first.peak_bytes
    assert check_placement(buffers, lower.offsets, lower.peak_bytes) == ""
    assert tighten(buffers, first) == lower
    assert place_again(buffers, lower.peak_bytes, 1000).peak_bytes == lower.peak_bytes


def test_a_proved_bound_stands_in_the_certificate():
    lower = tighten(GAP, place(GAP, 0))
    assert (lower.live_bytes, lower.bound_bytes, lower.peak_bytes, lower.optimal) == (10, 11, 11, True)
    assert place(GAP, 10).bound_bytes == 11


def test_a_placement_that_first_fit_misses_is_found():
    missed = [
        seed for seed in range(40) if place(filled(seed), 10, climb=False).peak_bytes > 10 and pack(filled(seed), 10, 200_000).offsets
    ]
    assert missed
    assert all(place(filled(seed), 10).peak_bytes == 10 for seed in missed)


def test_peaks_that_cannot_be_met_again_do_not_matter():
    buffers = filled(0)
    assert place_again(buffers, 1, 1000) == place(buffers, 1000)
    assert place_again(buffers, 0, 1000) == place(buffers, 1000)


def test_cp_sat_finds_placements_too_the_same_in_every_run():
    if not solver.available():
        pytest.skip("ortools is not installed")
    buffers = filled(3)
    found = solver.solve(buffers, 10, 60.0)
    assert found is not None and check_placement(buffers, found.offsets, 10) == ""
    assert solver.solve(buffers, 10, 60.0) == found


def test_without_cp_sat_the_search_stands(monkeypatch):
    monkeypatch.setattr(solver, "available", lambda: False)
    monkeypatch.setattr(plan_place, "LOOKS_OF_EFFORT", (1, 1, 1, 1))
    monkeypatch.setattr(plan_pack, "FIRST_NODES", 1)
    first = place(GAP, 0)
    assert solver.solve(GAP, 10, 1.0) is None
    assert tighten(GAP, first, effort=3).bound_bytes == 10


def test_the_certificate_of_nothing():
    assert tighten([], place([], 10)) == Placement((), 0, 0)
