# SPDX-License-Identifier: Apache-2.0
"""The search keeps what it promises: more SRAM is never slower on the ladder, effort never makes it worse, techniques can be left out."""

import numpy as np
import pytest

from npuc.errors import DoesNotFit, UserInputError
from npuc.plan import search as plan_search
from npuc.plan.group import Groups, Shared
from npuc.plan.options import EFFORTS, TECHNIQUES, Options
from npuc.plan.price import Pricer
from npuc.plan.search import RUNGS, search
from npuc.targets import get
from npuc.timing.engine import simulate
from samples.plans import Drawing, i8


@pytest.fixture(autouse=True)
def few_tries(monkeypatch):
    """How many changes are tried is no part of the promises."""
    monkeypatch.setattr(plan_search, "IMPROVING_TRIES", (0, 4, 4, 4))


def drawing(seed: int):
    """Convolutions with residuals and a reshape, of random widths."""
    rng = np.random.default_rng(seed)
    d = Drawing()
    x = d.conv(d.input(i8(1, 16, 16, int(rng.integers(1, 5) * 4))), 16)
    for _ in range(int(rng.integers(2, 4))):
        y = d.conv(d.conv(x, int(rng.integers(2, 9) * 8), kernel=1, pad=0), 16)
        x = d.add(x, y) if rng.random() < 0.7 else y
    return d.graph(d.reshape(x, 1, 16 * 16 * 16))


def cycles(graph, target, **options) -> int:
    return search(graph, target, Options(**options)).schedule.estimate_cycles


@pytest.mark.parametrize("name", ["edge-256", "u65-512-dram", "u55-256"])
def test_more_sram_is_never_slower_on_the_ladder(name):
    graph, known = drawing(7), None
    for rung in [rung for rung in RUNGS if 6144 <= rung <= 24576]:
        try:
            found = cycles(graph, get(name).with_sram(rung), effort=3)
        except DoesNotFit:
            assert known is None
            continue
        assert known is None or found <= known
        known = found
    assert known is not None


@pytest.mark.parametrize("name", ["edge-256", "u65-512-dram"])
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_technique_can_be_left_out(name, technique):
    graph, target = drawing(3), get(name).with_sram(24 * 1024)
    found = search(graph, target, Options.of(without=technique.replace("_", "-")))
    groups = found.schedule.groups
    assert technique != "fusion" or all(len(group.nodes) == 1 for group in groups)
    assert technique != "keep" or not any(group.keep for group in groups)
    assert technique != "direct" or not any(any(group.direct) or group.far for group in groups)
    assert technique != "channels_outer" or all(group.outer == "rows" for group in groups)
    assert technique != "prefetch" or not found.schedule.fetch


def test_what_a_schedule_says_it_costs_is_what_its_commands_take():
    graph, target = drawing(1), get("u65-512-dram").with_sram(24 * 1024)
    found = search(graph, target)
    commands = Pricer(graph, target).commands(found.steps, found.placement)
    assert found.schedule.estimate_cycles == simulate(commands, target).total_cycles


def test_no_effort_is_worse_than_a_lower_one():
    for seed in range(3):
        graph, target = drawing(seed), get("edge-256").with_sram(24 * 1024)
        found = [cycles(graph, target, effort=effort, ladder=False) for effort in EFFORTS]
        assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("sram_kib", [13, 14, 16, 18, 20])
@pytest.mark.parametrize("seed", range(6))
def test_the_placement_that_was_timed_is_the_one_that_is_kept(seed, sram_kib):
    """Other addresses let other commands wait: placed anew, a plan once lost what the search had found."""
    target = get("u55-256").with_sram(sram_kib * 1024)
    shared = Shared(drawing(seed), target)
    found = plan_search._planned(Groups(shared, target))
    assert found is not None
    assert plan_search._tightened(shared.pricer, found).schedule.estimate_cycles <= found.schedule.estimate_cycles


@pytest.mark.parametrize("values", [{"effort": 4}, {"without": "magic"}])
def test_an_unknown_effort_or_technique_is_refused(values):
    with pytest.raises(UserInputError, match="there is no such"):
        Options.of(**values)


def test_the_bound_is_that_of_the_rows_that_reach_a_result():
    """Of nine rows a slice takes three, for which the convolution before it reads five."""
    target = get("edge-256")
    d = Drawing()
    graph = d.graph(d.cut_rows(d.conv(d.input(i8(1, 9, 8, 8)), 16), 2, 3))
    conv = graph.nodes[0]
    three = conv.spec.tile(((0, 1), (0, 3), (0, 8), (0, 16))).spec
    assert graph.own_array_cycles(conv, target) == three.array_cycles(target) < conv.spec.array_cycles(target)
    assert graph.compulsory_bytes(target) == graph.param_bytes() + target.dram.in_bursts(5 * 8 * 8) + target.dram.in_bursts(3 * 8 * 16)
    d = Drawing()
    graph = d.graph(d.conv(d.conv(d.input(i8(1, 9, 9, 8)), 16), 8, kernel=1, stride=3, pad=0))
    assert [tile.spec.output.shape[1] for tile in graph.needed] == [7, 3]
    assert graph.network_bound_cycles(target) <= search(graph, target, Options(effort=0)).schedule.estimate_cycles


def test_rows_of_an_input_that_a_slice_leaves_out_need_not_be_moved():
    d = Drawing()
    target = get("pico-64")
    graph = d.graph(d.conv(d.cut_rows(d.input(i8(1, 64, 16, 8)), 40, 2), 8))
    found = search(graph, target, Options(effort=0)).schedule
    assert graph.compulsory_bytes(target) < graph.types[graph.inputs[0]].bytes
    assert found.network_bound_cycles <= found.estimate_cycles
