# SPDX-License-Identifier: Apache-2.0
"""Choosing a schedule: which ops form groups, how tall their stripes are, what stays in SRAM, what is fetched when.

Closed forms (`npuc.plan.group`) prune: dynamic programming over consecutive groups and over what stays in SRAM between them. The timing
engine decides among whole schedules, the unfused one always among them. Plans for smaller capacities compete with the capacity's own,
so that more SRAM is never slower. Pure functions; budgets count candidates.
"""

import itertools
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from npuc.errors import DoesNotFit
from npuc.plan.graph import Graph, escaping, rows
from npuc.plan.group import Groups, Shared, Way, Weights
from npuc.plan.improve import moves
from npuc.plan.options import DEFAULT_EFFORT, Options
from npuc.plan.pack import Lifetime, pack
from npuc.plan.place import Placement, place, place_again, settle, tighten
from npuc.plan.prefetch import fetch_positions
from npuc.plan.price import Price, Pricer, least_cycles
from npuc.plan.schedule import GroupPlan, Schedule, group_problems
from npuc.plan.steps import Compute, Steps, align, expand
from npuc.plan.stripes import Footprints
from npuc.targets.base import Target

log = logging.getLogger("npuc")

# longest group the search considers, in ops, by effort
MAX_GROUP = (6, 6, 14, 24)
# what closed forms plan with: part of the SRAM (None: as much as placement bears) and how estimates are weighed, in the order of trial
TRIALS = (
    (None, Weights(8, 32, True)), (0.35, Weights(8, 32, True)), (None, Weights(2, 32, True)), (None, Weights(8, 64, False)),
    (0.6, Weights(8, 32, True)), (0.8, Weights(8, 32, True)), (0.5, Weights(8, 64, False)), (0.25, Weights(8, 32, True)),
    (None, Weights(1, 32, True)), (0.7, Weights(2, 128, False)), (0.45, Weights(4, 32, True)), (0.15, Weights(8, 32, True)),
)  # fmt: skip
# so many by effort, and more where they have so few steps together
TRIALS_OF_EFFORT = (1, 3, 6, len(TRIALS))
TRIAL_STEPS = (0, 3000, 12_000, 0)
# the trial that is the most sparing with commands among the first
SPARING = 3
# steps above which it comes second, and others not at all, at efforts up to the default
MANY_STEPS = 2000
# parts of the SRAM tried where it is taken as far as placement bears: that may need slack for fragmentation
SLACK_LADDER = (0.97, 0.9, 0.8, 0.7, 0.55, 0.4)
# parts of the SRAM that parameters fetched ahead may fill up, largest first; placement may need slack for fragmentation
PREFETCH_LADDER = (1.0, 0.98, 0.94, 0.88, 0.8, 0.7, 0.5)
# bytes of the transfers that parameter loads join, where a latency for each is dear
JOINS = (1024, 2048, 4096, 8192, 16384, 32768)
# buffers that the search for a candidate's placement may look at
QUICK_LOOKS = 100_000
# how far above the capacity first fit may end: from further off that search nearly never finds a placement
PACKABLE = 1.3
# steps above which rungs of the prefetch ladder, and joins, are left out
LONG_PROGRAM = 4000
# capacities whose plans compete at every larger capacity, where the effort is this
RUNGS = tuple(sorted(size * 1024 << shift for size in (4, 6) for shift in range(12)))
LADDER_EFFORT = 3
# steps of the program, all timed changes together; twice as many where it has at most SHORT_PROGRAM: there a step costs least
IMPROVING_STEPS = (0, 10_000, 80_000, 80_000)
SHORT_PROGRAM = 64
# and their number at most
IMPROVING_TRIES = (0, 400, 2000, 2000)
# of which so many at most are shared among the plans that changes begin from
FIRST_STEPS, FIRST_TRIES = 8000, 240
# these plans, where there are at least so many tries
STARTS, FEW_TRIES = 3, 60
# changes at random where no single one helps, and tries from there
KICKS, KICKED_TRIES = 3, 100
# a change that moves more bytes off-chip gains one part in so many of the time that they take on the port
WORTH = 2
# changes of one group that are tried before it is another one's turn
MOVES_A_TURN = 4


@dataclass(frozen=True)
class Result:
    """A schedule that was placed and timed."""

    schedule: Schedule
    steps: Steps
    placement: Placement
    price: Price


@dataclass(frozen=True)
class Chosen:
    """A partition: the way of each group, and whether the values behind it stay in SRAM."""

    ways: tuple[Way, ...]
    stays: tuple[bool, ...]

    def peak_bytes(self, number: int) -> int:
        """SRAM that a group holds, in the closed forms."""
        before = number == 0 or self.stays[number - 1]
        edge = self.ways[number].edges[2 * before + self.stays[number]]
        assert edge is not None
        return edge.peak_bytes


def partition(groups: Groups, budget_bytes: int, longest: int, weights: Weights) -> Chosen:
    """The cheapest sequence of groups of at most `longest` ops within `budget_bytes`, by dynamic programming.

    A border between groups has two states: the values that cross it stay in SRAM, or they go through off-chip memory.

    Raises:
        DoesNotFit: some op alone needs more, whatever the stripe.
    """
    count = len(groups.graph.nodes)
    floor = _floors(groups)
    keeps = (False, True) if groups.shared.options.keep or groups.graph.resident else (False,)
    # by border and state: cycles so far, and how the border was reached: (way, border before, state before)
    costs: list[list[int | None]] = [[None, 0]] + [[None, None] for _ in range(count)]
    last: list[list[tuple[Way, int, int] | None]] = [[None, None] for _ in range(count + 1)]
    for end in range(1, count + 1):
        for first in range(end - 1, max(0, end - longest) - 1, -1):
            before = [(state, cost) for state, cost in enumerate(costs[first]) if cost is not None]
            if not before:
                continue
            known = [cost for cost in costs[end] if cost is not None]
            if len(known) == len(keeps) and min(cost for _, cost in before) + floor[end] - floor[first] >= max(known):
                continue
            for way in (way for some in groups.ways(first, end, budget_bytes) for way in some):
                for state, cost in before:
                    for after in keeps:
                        edge = way.edges[2 * state + after]
                        if edge is None or edge.peak_bytes > budget_bytes:
                            continue
                        total = cost + way.cycles(edge, weights)
                        best, reached = costs[end][after], last[end][after]
                        # of equal ones the longer group: one region instead of several
                        if best is None or total < best or (total == best and reached is not None and first < reached[1]):
                            costs[end][after], last[end][after] = total, (way, first, state)
    if all(cost is None for cost in costs[count]):
        _refuse(groups, budget_bytes, next(end for end in range(1, count + 1) if all(cost is None for cost in costs[end])) - 1)
    ends = [(cost, state) for state, cost in enumerate(costs[count]) if cost is not None]
    ways, stays = [], []
    end, state = count, min(ends)[1]
    while end:
        step = last[end][state]
        assert step is not None
        ways.append(step[0])
        stays.append(bool(state))
        _, end, state = step
    return Chosen(tuple(reversed(ways)), tuple(reversed(stays)))


def _floors(groups: Groups) -> list[int]:
    """Running sums over the nodes of what grouping rarely undercuts: their own cycles, whole."""
    sums = [0]
    for node in groups.graph.nodes:
        sums.append(sums[-1] + (0 if node.spec.is_view else groups.shared.tile_cycles(node, rows(node.spec.output))))
    return sums


def _refuse(groups: Groups, budget_bytes: int, index: int) -> None:
    graph, capacity = groups.graph, groups.target.sram.bytes
    node = graph.nodes[index]
    smallest = min(edge.peak_bytes for way in groups.every_way(index) for edge in way.edges if edge is not None)
    whole = " with the feature maps that live across it: off-chip memory cannot be written" if graph.resident else ""
    raise DoesNotFit(
        f"layer '{node.name}' ({node.spec.name}) does not fit in the SRAM of {groups.target.name}",
        layer=node.name,
        rule=f"the rows, parameters and scratch that one tile works on must lie in SRAM together{whole}",
        found=f"{smallest} bytes for the smallest tile, {max(smallest - capacity, 0)} bytes short",
        wanted=f"at most {capacity} bytes",
        advice="compile for a machine with more SRAM (--target, --sram-kib) or make the layer's rows narrower",
    )


def with_kept(graph: Graph, chosen: Chosen, budget_bytes: int, options: Options) -> tuple[GroupPlan, ...]:
    """Keep values between groups in SRAM: those of the partition, and others where every group they live through has room."""
    group_of = {index: number for number, way in enumerate(chosen.ways) for index in way.group.nodes}
    room = [budget_bytes - chosen.peak_bytes(number) for number in range(len(chosen.ways))]
    keep: dict[int, list[int]] = {}
    crossing = []
    for number, way in enumerate(chosen.ways):
        if way.group.outer == "channels":
            # its tiles leave as they are made
            continue
        for value in escaping(graph, way.group.nodes):
            readers = [group_of[user] for user in graph.consumers[value] if group_of[user] != number]
            if readers and (all(chosen.stays[number : max(readers)]) or value in graph.resident):
                keep.setdefault(number, []).append(value)
            elif readers and options.keep:
                crossing.append((-graph.types[value].bytes * (1 + len(set(readers))), value, number, max(readers)))
    for _, value, start, stop in sorted(crossing):
        size = align(graph.types[value].bytes)
        if all(room[number] >= size for number in range(start, stop + 1)):
            for number in range(start, stop + 1):
                room[number] -= size
            keep.setdefault(start, []).append(value)
    return tuple(replace(way.group, keep=tuple(sorted(keep.get(number, ())))) for number, way in enumerate(chosen.ways))


def lay_out(graph: Graph, schedule: Schedule, target: Target, footprints: Footprints | None = None) -> tuple[Steps, Placement]:
    """Spell a schedule out and place its buffers."""
    steps = expand(graph, schedule, target, footprints)
    return steps, place_again(_lifetimes(steps), schedule.peak_sram_bytes, schedule.capacity_bytes or target.sram.bytes)


def _lifetimes(steps: Steps) -> list[Lifetime]:
    return [(buffer.size_bytes, buffer.first, buffer.last) for buffer in steps.buffers]


def _placed(steps: Steps, capacity_bytes: int) -> Placement | None:
    """A placement within the capacity by first fit or a short search; None where they find none.

    It is the one that `place_again` finds for this capacity: what is timed here is what is replayed.
    """
    lifetimes = _lifetimes(steps)
    found = place(lifetimes, capacity_bytes, climb=False)
    if found.peak_bytes <= capacity_bytes:
        return found
    if found.live_bytes > capacity_bytes or found.peak_bytes > PACKABLE * capacity_bytes:
        return None
    packing = pack(lifetimes, capacity_bytes, QUICK_LOOKS)
    if packing.offsets:
        peak = max(offset + size for offset, (size, _, _) in zip(packing.offsets, lifetimes, strict=True))
        return Placement(tuple(packing.offsets), peak, found.live_bytes, found_by="search")
    return None


def search(graph: Graph, target: Target, options: Options | None = None) -> Result:
    """The best schedule found: fused and unfused partitions, each placed and timed by the simulator's own engine.

    Raises:
        DoesNotFit: no stripe of some layer fits in SRAM; names the layer and the bytes short.
    """
    options = options or Options()
    shared = Shared(graph, target, options)
    # a higher effort looks elsewhere first: what the ones below it find, from the default on, competes
    efforts = range(min(DEFAULT_EFFORT, options.effort), options.effort + 1)
    views = [replace(shared, options=replace(options, effort=effort)) for effort in efforts[:-1]] + [shared]
    best: Result | None = None
    for capacity in _capacities(target, options):
        machine = target.with_sram(capacity)
        try:
            planned = [result for view in views if (result := _planned(Groups(view, machine))) is not None]
            found = min(planned, key=_cycles, default=None) or _last_resort(Groups(shared, machine, buffered=1))
        except DoesNotFit:
            if best is None:
                raise
            # nor does it in less
            break
        if best is None or found.schedule.estimate_cycles < best.schedule.estimate_cycles:
            best = found
    assert best is not None
    best = _tightened(shared.pricer, best)
    log.debug("plan: %d candidates considered, %d cycles estimated", shared.considered, best.schedule.estimate_cycles)
    return best


def _capacities(target: Target, options: Options) -> Iterator[int]:
    """The machine's own capacity, then smaller rungs of the ladder."""
    yield target.sram.bytes
    if options.ladder and options.effort >= LADDER_EFFORT:
        yield from (rung for rung in reversed(RUNGS) if rung < target.sram.bytes)


def _planned(groups: Groups) -> Result | None:
    """The best plan for one capacity, which depends on nothing else: so it competes at every larger one unchanged."""
    options = groups.shared.options
    longest = MAX_GROUP[options.effort] if options.fusion else 1
    seen: set[tuple[GroupPlan, ...]] = set()
    results: list[Result] = []

    def attempt(number: int, most: int) -> None:
        part, weights = TRIALS[number]
        found = _fit(groups, (part,) if part else SLACK_LADDER, most, weights, seen, min(results, key=_cycles, default=None))
        if found is not None:
            results.append(found)

    attempt(0, longest)
    length = len(results[0].steps.steps) if results else 0
    if length > MANY_STEPS and options.effort <= DEFAULT_EFFORT:
        # of many commands there had better be fewer, and each trial takes long
        attempt(SPARING, longest)
    else:
        affordable = TRIAL_STEPS[options.effort] // max(length, 1)
        for number in range(1, min(max(TRIALS_OF_EFFORT[options.effort], affordable), len(TRIALS))):
            attempt(number, longest)
    attempt(0, 1)
    if not results:
        return None
    return _with_joins(groups, _climbed(groups, sorted(results, key=_cycles)[:STARTS]))


def _cycles(result: Result) -> int:
    return result.schedule.estimate_cycles


class Climb:
    """Small changes to a schedule: each is timed, and kept where it is faster.

    Groups take turns, those first that lose most.

    Attributes:
        best: the schedule reached.
    """

    def __init__(self, groups: Groups, start: Result):
        self.groups, self.best = groups, start
        self._seen = {start.schedule.groups}
        self._pending = self._by_loss()

    def go_on(self, tries: int) -> int:
        """Time at most so many changes more; how many it was."""
        graph, target, left = self.groups.graph, self.groups.target, tries
        while left > 0 and self._pending:
            changes = self._pending.pop(0)
            for changed in itertools.islice(changes, MOVES_A_TURN):
                if changed in self._seen or any(next(group_problems(group, graph, target), None) for group in changed):
                    continue
                self._seen.add(changed)
                left -= 1
                found = _with_prefetch(self.groups, changed, self.best, self.best.schedule.join_bytes)
                if isinstance(found, Result) and self._pays(found):
                    self.best = found
                    self._pending = self._by_loss()
                    break
                if left <= 0:
                    break
            else:
                rest = next(changes, None)
                if rest is not None:
                    self._pending.append(itertools.chain((rest,), changes))
        return tries - left

    def _pays(self, found: Result) -> bool:
        """Whether it is faster, by a part of the port's time at least that it takes more: bytes off-chip are not free where they hide."""
        gain = _cycles(self.best) - _cycles(found)
        graph, target = self.groups.graph, self.groups.target
        return gain > 0 and gain * WORTH >= least_cycles(graph, found.steps, target) - least_cycles(graph, self.best.steps, target)

    def _by_loss(self) -> list[Iterator[tuple[GroupPlan, ...]]]:
        """The moves of each group, the group first for whose ops the core waits or works longest beyond their bound."""
        groups, plan, price = self.groups, self.best.schedule.groups, self.best.price
        loss = {node.index: price.waits[node.name] + price.busy[node.name] - node.spec.array_cycles(groups.target) for node in groups.graph.nodes}
        lost = [sum(loss[index] for index in group.nodes) for group in plan]
        order = sorted(range(len(plan)), key=lambda number: (-lost[number], number))
        return [moves(groups.graph, plan, number, groups.target, groups.shared.options) for number in order]


def _climbed(groups: Groups, starts: Sequence[Result]) -> Result:
    """The best that small changes reach from any of `starts`: where changes end depends on where they begin.

    Each start has a share of the first tries, the best has those that are left. The share is the same at every effort: more tries go on
    from where fewer ended.
    """
    effort, length = groups.shared.options.effort, max(len(start.steps.steps) for start in starts)
    steps = IMPROVING_STEPS[effort] * (2 if length <= SHORT_PROGRAM else 1)
    tries = min(steps // length, IMPROVING_TRIES[effort])
    first = min(FIRST_STEPS // length, FIRST_TRIES, tries)
    climbs = [Climb(groups, _with_joins(groups, start)) for start in (starts if first >= FEW_TRIES else starts[:1])]
    spent = sum(climb.go_on(first // (2 * len(climbs))) for climb in climbs)
    # of equal ones the first
    climb = min(climbs, key=lambda one: _cycles(one.best))
    left = tries - spent
    left -= climb.go_on(left)
    best = climb.best
    # no change helps any more: a few at once, whatever they cost, and on from there
    chance = random.Random(0)
    while left > 0:
        left -= KICKS
        kicked = _kicked(groups, best, chance)
        if kicked is not None:
            climb = Climb(groups, kicked)
            left -= climb.go_on(min(left, KICKED_TRIES))
            best = min(best, climb.best, key=_cycles)
    return best


def _kicked(groups: Groups, result: Result, chance: random.Random) -> Result | None:
    """The schedule after some changes at random; None where none of them can be done."""
    graph, target, found = groups.graph, groups.target, None
    for _ in range(KICKS):
        plan = (found or result).schedule.groups
        ways = list(moves(graph, plan, chance.randrange(len(plan)), target, groups.shared.options))
        changed = chance.choice(ways) if ways else plan
        if changed != plan and not any(next(group_problems(group, graph, target), None) for group in changed):
            tried = _with_prefetch(groups, changed, None, result.schedule.join_bytes)
            found = tried if isinstance(tried, Result) else found
    return found


def _tightened(pricer: Pricer, result: Result) -> Result:
    """The same schedule with the lowest placement found, where that costs no cycle."""
    lifetimes, capacity = _lifetimes(result.steps), result.schedule.capacity_bytes or pricer.target.sram.bytes
    settled = settle(lifetimes, result.placement, capacity)
    plain = finish(pricer, result.schedule, result.steps, settled)
    lowest = settle(lifetimes, tighten(lifetimes, settled), capacity)
    if lowest.peak_bytes >= settled.peak_bytes:
        return plain
    lower = finish(pricer, result.schedule, result.steps, lowest)
    return lower if lower.schedule.estimate_cycles <= plain.schedule.estimate_cycles else plain


def _last_resort(groups: Groups) -> Result:
    """The tightest plan of single ops, placed with all effort.

    Raises:
        DoesNotFit: an op does not fit, or no placement of all buffers was found.
    """
    graph, capacity = groups.graph, groups.target.sram.bytes
    chosen = partition(groups, capacity, 1, TRIALS[0][1])
    plan = Schedule(with_kept(graph, chosen, 0, groups.shared.options), capacity_bytes=capacity, bricks=bool(graph.bricks))
    steps, placement = lay_out(graph, plan, groups.target, groups.shared.footprints)
    if placement.peak_bytes <= capacity:
        return finish(groups.shared.pricer, plan, steps, placement)
    node = graph.nodes[max(chosen.ways[max(range(len(chosen.ways)), key=chosen.peak_bytes)].group.nodes)]
    raise DoesNotFit(
        f"no placement in the SRAM of {groups.target.name} was found; layer '{node.name}' needs the most",
        layer=node.name,
        rule="the buffers of neighbouring tiles must lie in SRAM together",
        found=f"{placement.peak_bytes} bytes for the tightest plan, {placement.peak_bytes - capacity} bytes short",
        wanted=f"at most {capacity} bytes",
        advice="compile for a machine with more SRAM (--target, --sram-kib)",
    )


def _fit(
    groups: Groups, parts: Sequence[float], longest: int, weights: Weights, seen: set[tuple[GroupPlan, ...]], best: Result | None
) -> Result | None:
    """The partition for the largest of `parts` of the SRAM that placement bears; None where none fits, or it cannot be faster."""
    capacity = groups.target.sram.bytes
    for part in parts:
        budget = int(capacity * part)
        try:
            chosen = partition(groups, budget, longest, weights)
        except DoesNotFit:
            continue
        plans = (with_kept(groups.graph, chosen, budget, groups.shared.options), tuple(way.group for way in chosen.ways))
        for plan in dict.fromkeys(plans[:1] if groups.graph.resident else plans):
            if plan in seen:
                return None
            found = _with_prefetch(groups, plan, best)
            if found is not None:
                seen.add(plan)
                return found if isinstance(found, Result) else None
    return None


def _with_joins(groups: Groups, result: Result) -> Result:
    """The same schedule with parameter loads that stand together joined, where that is faster."""
    if not groups.shared.options.join or len(result.steps.steps) > LONG_PROGRAM:
        return result
    spelled = groups.shared.speller.spell(result.schedule)
    best, known = result, result.steps.steps
    for join_bytes in JOINS:
        schedule = replace(result.schedule, join_bytes=join_bytes)
        steps = spelled.fetched(schedule.fetch, join_bytes)
        # the same loads, or none more together
        if steps.steps == known:
            continue
        known = steps.steps
        placement = _placed(steps, groups.target.sram.bytes)
        if placement is not None:
            found = finish(groups.shared.pricer, schedule, steps, placement)
            best = min(best, found, key=_cycles)
    return best


def _with_prefetch(groups: Groups, plan: tuple[GroupPlan, ...], best: Result | None, join_bytes: int = 0) -> Result | bool | None:
    """`plan` with parameters fetched as far ahead as placement bears; None where it does not fit even without, False where it is no use."""
    graph, target = groups.graph, groups.target
    capacity = target.sram.bytes
    plain = Schedule(plan, join_bytes=join_bytes, capacity_bytes=capacity, bricks=bool(graph.bricks))
    spelled = groups.shared.speller.spell(plain)
    steps = spelled.fetched()
    if best is not None and least_cycles(graph, steps, target) >= best.schedule.estimate_cycles:
        return False
    cycles = [groups.step_cycles(step) for step in steps.steps if isinstance(step, Compute)]
    # a long program gains little from the last bytes, and each rung spells it out again
    ladder = PREFETCH_LADDER if len(cycles) <= LONG_PROGRAM else PREFETCH_LADDER[3::2]
    for part in ladder if groups.shared.options.prefetch else ():
        schedule = replace(plain, fetch=fetch_positions(graph, steps, cycles, target, int(capacity * part)))
        ahead = spelled.fetched(schedule.fetch, join_bytes)
        where = _placed(ahead, capacity)
        if where is not None:
            return finish(groups.shared.pricer, schedule, ahead, where)
    placement = _placed(steps, capacity)
    plain = replace(plain, join_bytes=0)
    return finish(groups.shared.pricer, plain, steps, placement) if placement is not None else None


def finish(pricer: Pricer, schedule: Schedule, steps: Steps, placement: Placement) -> Result:
    """Time a placed schedule and write the figures into it."""
    price = pricer.price(steps, placement)
    schedule = schedule.with_result(
        estimate_cycles=price.total_cycles,
        network_bound_cycles=pricer.network_bound_cycles,
        peak_sram_bytes=placement.peak_bytes,
        live_sram_bytes=placement.live_bytes,
    )
    return Result(schedule, steps, placement, price)
