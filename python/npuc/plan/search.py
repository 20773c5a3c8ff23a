# SPDX-License-Identifier: Apache-2.0
"""Choosing a schedule: which ops form groups, how tall their stripes are, what stays in SRAM, what is fetched when.

Closed forms (`npuc.plan.group`) prune: dynamic programming over consecutive groups. The timing engine decides among whole
schedules, the unfused one always among them. Pure functions; budgets count candidates.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from npuc.errors import DoesNotFit
from npuc.plan.graph import Graph, escaping, rows
from npuc.plan.group import Candidate, Groups
from npuc.plan.pack import Lifetime
from npuc.plan.place import Placement, place_again, settle, tighten
from npuc.plan.prefetch import fetch_positions
from npuc.plan.price import price_schedule
from npuc.plan.schedule import GroupPlan, Schedule
from npuc.plan.steps import Compute, Steps, align, expand
from npuc.plan.stripes import Footprints
from npuc.targets.base import Target

log = logging.getLogger("npuc")

# longest group the search considers, in ops
MAX_GROUP = 10
# fractions of the SRAM that the closed forms may plan with; placement may need slack for fragmentation
SLACK_LADDER = (0.95, 0.85, 0.7, 0.55, 0.4)
# parts of the SRAM that parameters fetched ahead may fill up, largest first; placement may need slack for fragmentation
PREFETCH_LADDER = (0.98, 0.94, 0.88, 0.8, 0.7, 0.5)
# compute steps above which rungs of the ladder are left out
LONG_PROGRAM = 4000
# a value between groups may take the SRAM divided by this before the estimate takes it to go off chip
KEEP_FRACTION = 5


@dataclass(frozen=True)
class Result:
    """A schedule that was placed and timed."""

    schedule: Schedule
    steps: Steps
    placement: Placement


def partition(ways: Groups, budget_bytes: int, longest: int) -> tuple[Candidate, ...]:
    """The cheapest sequence of groups of at most `longest` ops within `budget_bytes`, by dynamic programming.

    Raises:
        DoesNotFit: some op alone needs more, whatever the stripe.
    """
    count = len(ways.graph.nodes)
    floor = _floors(ways)
    costs: list[int | None] = [0] + [None] * count
    last: list[Candidate | None] = [None] * (count + 1)
    for end in range(1, count + 1):
        for first in range(end - 1, max(0, end - longest) - 1, -1):
            before, known = costs[first], costs[end]
            if before is None or (known is not None and before + floor[end] - floor[first] >= known):
                continue
            one = ways.best(first, end, budget_bytes)
            if one is not None and (known is None or before + one.cycles < known):
                costs[end], last[end] = before + one.cycles, one
    if costs[count] is None:
        for index in range(count):
            if ways.best(index, index + 1, budget_bytes) is None:
                _refuse(ways, index)
    chosen: list[Candidate] = []
    end = count
    while end:
        one = last[end]
        assert one is not None
        chosen.append(one)
        end -= len(one.group.nodes)
    return tuple(reversed(chosen))


def _floors(ways: Groups) -> list[int]:
    """Running sums over the nodes of what no grouping undercuts: their own cycles, whole."""
    sums = [0]
    for node in ways.graph.nodes:
        sums.append(sums[-1] + (0 if node.spec.is_view else ways.tile_cycles(node, rows(node.spec.output))))
    return sums


def _refuse(ways: Groups, index: int) -> None:
    node = ways.graph.nodes[index]
    smallest = min(candidate.peak_bytes for candidate in ways.options(index, index + 1))
    capacity = ways.target.sram.bytes
    raise DoesNotFit(
        f"layer '{node.name}' ({node.spec.name}) does not fit in the SRAM of {ways.target.name}",
        layer=node.name,
        rule="the rows, parameters and scratch that one tile works on must lie in SRAM together",
        found=f"{smallest} bytes for the smallest tile, {max(smallest - capacity, 0)} bytes short",
        wanted=f"at most {capacity} bytes",
        advice="compile for a machine with more SRAM (--target, --sram-kib) or make the layer's rows narrower",
    )


def with_kept(graph: Graph, chosen: Sequence[Candidate], budget_bytes: int) -> tuple[GroupPlan, ...]:
    """Keep values between groups in SRAM where every group they live through has room, most traffic saved first."""
    group_of = {index: number for number, candidate in enumerate(chosen) for index in candidate.group.nodes}
    room = [budget_bytes - candidate.peak_bytes for candidate in chosen]
    keep: dict[int, list[int]] = {}
    crossing = []
    for number, candidate in enumerate(chosen):
        if candidate.group.outer == "channels":
            # its tiles leave as they are made
            continue
        for value in escaping(graph, candidate.group.nodes):
            readers = [group_of[user] for user in graph.consumers[value] if group_of[user] != number]
            if readers:
                crossing.append((-graph.types[value].bytes * (1 + len(set(readers))), value, number, max(readers)))
    for _, value, start, stop in sorted(crossing):
        size = align(graph.types[value].bytes)
        if all(room[number] >= size for number in range(start, stop + 1)):
            for number in range(start, stop + 1):
                room[number] -= size
            keep.setdefault(start, []).append(value)
    return tuple(replace(candidate.group, keep=tuple(sorted(keep.get(number, ())))) for number, candidate in enumerate(chosen))


def lay_out(graph: Graph, schedule: Schedule, target: Target, footprints: Footprints | None = None) -> tuple[Steps, Placement]:
    """Spell a schedule out and place its buffers."""
    steps = expand(graph, schedule, target, footprints)
    return steps, place_again(_lifetimes(steps), schedule.peak_sram_bytes, target.sram.bytes)


def _lifetimes(steps: Steps) -> list[Lifetime]:
    return [(buffer.size_bytes, buffer.first, buffer.last) for buffer in steps.buffers]


def search(graph: Graph, target: Target) -> Result:
    """The best schedule found: fused and unfused partitions, each placed and timed by the simulator's own engine.

    Raises:
        DoesNotFit: no stripe of some layer fits in SRAM; names the layer and the bytes short.
    """
    ways = Groups(graph, target)
    results = []
    for longest, keep in ((MAX_GROUP, 0), (1, target.sram.bytes // KEEP_FRACTION)):
        ways.keep_bytes = keep
        found = _fit(ways, longest)
        if found is not None:
            results.append(found)
    if not results:
        _refuse_whole(ways)
    best = min(results, key=lambda result: result.schedule.estimate_cycles)
    best = _tightened(graph, target, best)
    log.debug("plan: %d candidates considered, %d cycles estimated", ways.considered, best.schedule.estimate_cycles)
    return best


def _tightened(graph: Graph, target: Target, result: Result) -> Result:
    """The same schedule with the lowest placement found, where that costs no cycle."""
    lifetimes, capacity = _lifetimes(result.steps), target.sram.bytes
    settled = settle(lifetimes, result.placement, capacity)
    plain = finish(graph, target, result.schedule, result.steps, settled)
    lowest = settle(lifetimes, tighten(lifetimes, settled), capacity)
    if lowest.peak_bytes >= settled.peak_bytes:
        return plain
    lower = finish(graph, target, result.schedule, result.steps, lowest)
    return lower if lower.schedule.estimate_cycles <= plain.schedule.estimate_cycles else plain


def _refuse_whole(ways: Groups) -> None:
    """Every op fits alone, and no placement of all buffers was found."""
    graph, capacity = ways.graph, ways.target.sram.bytes
    tightest = max(range(len(graph.nodes)), key=lambda index: min(one.peak_bytes for one in ways.options(index, index + 1)))
    node = graph.nodes[tightest]
    raise DoesNotFit(
        f"no placement in the SRAM of {ways.target.name} was found",
        layer=node.name,
        rule="the buffers of neighbouring tiles must lie in SRAM together",
        found=f"layer '{node.name}' needs the most, with nothing left between its buffers",
        wanted=f"at most {capacity} bytes",
        advice="compile for a machine with more SRAM (--target, --sram-kib)",
    )


def _fit(ways: Groups, longest: int) -> Result | None:
    """The partition with as little slack as placement needs; None where only the other partition fits."""
    capacity = ways.target.sram.bytes
    for slack in SLACK_LADDER:
        budget = int(capacity * slack)
        try:
            chosen = partition(ways, budget, longest)
        except DoesNotFit:
            if slack != SLACK_LADDER[0]:
                continue
            chosen = partition(ways, capacity, longest)
        for groups in dict.fromkeys((with_kept(ways.graph, chosen, budget), tuple(candidate.group for candidate in chosen))):
            found = _with_prefetch(ways, groups)
            if found is not None:
                return found
    return None


def _with_prefetch(ways: Groups, groups: tuple[GroupPlan, ...]) -> Result | None:
    """`groups` with parameters fetched as far ahead as placement bears; None where they do not fit even without."""
    graph, target = ways.graph, ways.target
    capacity = target.sram.bytes
    plain = Schedule(groups)
    steps, placement = lay_out(graph, plain, target, ways.footprints)
    if placement.peak_bytes > capacity:
        return None
    cycles = [ways.step_cycles(step) for step in steps.steps if isinstance(step, Compute)]
    # a long program gains little from the last bytes, and each rung spells it out again
    for part in PREFETCH_LADDER if len(cycles) <= LONG_PROGRAM else PREFETCH_LADDER[2::2]:
        schedule = replace(plain, fetch=fetch_positions(graph, steps, cycles, target, int(capacity * part)))
        ahead, where = lay_out(graph, schedule, target, ways.footprints)
        if where.peak_bytes <= capacity:
            return finish(graph, target, schedule, ahead, where)
    return finish(graph, target, plain, steps, placement)


def finish(graph: Graph, target: Target, schedule: Schedule, steps: Steps, placement: Placement) -> Result:
    """Time a placed schedule and write the figures into it."""
    cycles = price_schedule(graph, steps, placement, target)
    schedule = schedule.with_result(
        estimate_cycles=cycles,
        network_bound_cycles=graph.network_bound_cycles(target),
        peak_sram_bytes=placement.peak_bytes,
        live_sram_bytes=placement.live_bytes,
    )
    return Result(schedule, steps, placement)
