# SPDX-License-Identifier: Apache-2.0
"""Small changes to a schedule: the moves of the search by steps.

A move changes one group, or the border of two. Which of them help is for the timing engine to say; what cannot be done, or does not
fit, is sorted out there too.
"""

from collections.abc import Iterator
from dataclasses import replace

from npuc.plan.graph import Graph, escaping, rows
from npuc.plan.options import Options
from npuc.plan.schedule import GroupPlan, far_values
from npuc.targets.base import Target, ceil_div

# parts that parameters are cut into
PARTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)

Plan = tuple[GroupPlan, ...]


def moves(graph: Graph, plan: Plan, number: int, target: Target, options: Options) -> Iterator[Plan]:
    """Plans that differ from `plan` in group `number`."""
    group = plan[number]
    for changed in _changed(graph, group, target, options):
        yield (*plan[:number], changed, *plan[number + 1 :])
    if options.fusion and number + 1 < len(plan):
        yield from _merged(graph, plan, number)
    for cut in range(1, len(group.nodes)):
        yield (*plan[:number], *_split(graph, group, cut), *plan[number + 1 :])


def _changed(graph: Graph, group: GroupPlan, target: Target, options: Options) -> Iterator[GroupPlan]:
    """The group with one decision changed."""
    for place, index in enumerate(group.nodes):
        node = graph.nodes[index]
        if not node.spec.param_bytes():
            continue
        parts = group.chunks[place]
        if len(node.spec.output.shape) - 1 in node.spec.splits and node.spec.param_operands:
            most = ceil_div(node.spec.output.shape[-1], target.array.granule[2])
            lower = [count for count in PARTS if count < parts][-2:]
            higher = [count for count in PARTS if parts < count <= most][:2]
            for count in (*reversed(lower), *higher):
                yield replace(group, chunks=_put(group.chunks, place, count))
        if options.direct and target.core_reaches_dram and node.spec.param_operands and group.outer == "rows":
            direct = group.direct or (False,) * len(group.nodes)
            yield replace(group, direct=_put(direct, place, not direct[place]))
            if not direct[place] and parts > 1:
                yield replace(group, direct=_put(direct, place, True), chunks=_put(group.chunks, place, 1))
        if group.stripe_rows < max(rows(graph.types[value]) for value in escaping(graph, group.nodes)) and group.outer == "rows":
            yield replace(group, stream=_put(group.stream, place, not group.stream[place]))
    yield from (replace(group, stripe_rows=height) for height in _heights(graph, group, target))
    if options.direct and group.outer == "rows":
        for value in far_values(graph, group.nodes, target):
            if value in group.far:
                yield replace(group, far=tuple(sorted(set(group.far) - {value})))
            elif value not in group.keep:
                yield replace(group, far=tuple(sorted({*group.far, value})))
    if options.keep and not graph.resident and group.outer == "rows":
        for value in escaping(graph, group.nodes):
            if any(user not in group.nodes for user in graph.consumers[value]) and value not in group.far:
                yield replace(group, keep=tuple(sorted(set(group.keep) ^ {value})))
    if options.ahead and group.stripe_rows < rows(graph.types[escaping(graph, group.nodes)[0]]):
        yield replace(group, ahead=not group.ahead)


def _put(values: tuple, place: int, value) -> tuple:
    return (*values[:place], value, *values[place + 1 :])


def _heights(graph: Graph, group: GroupPlan, target: Target) -> list[int]:
    """Stripe heights near the group's own: one stripe more or less, half and double."""
    tallest = max(rows(graph.types[value]) for value in escaping(graph, group.nodes))
    granule = target.array.granule[0]
    count = ceil_div(tallest, min(group.stripe_rows, tallest))
    wanted = []
    for stripes in (count - 1, count + 1, count // 2, count * 2):
        if 1 <= stripes <= tallest:
            height = ceil_div(tallest, stripes)
            wanted += [min(tallest, ceil_div(height, granule) * granule), height]
    return [height for height in dict.fromkeys(wanted) if height != group.stripe_rows]


def _merged(graph: Graph, plan: Plan, number: int) -> Iterator[Plan]:
    """Two neighbours as one group, in the stripes of either."""
    first, second = plan[number], plan[number + 1]
    if "channels" in (first.outer, second.outer):
        return
    nodes = (*first.nodes, *second.nodes)
    outside = set(escaping(graph, nodes))
    inside = set(escaping(graph, first.nodes)) - outside
    for height in dict.fromkeys((second.stripe_rows, first.stripe_rows)):
        joined = replace(
            second, nodes=nodes, stripe_rows=height, chunks=first.chunks + second.chunks, stream=first.stream + second.stream,
            keep=tuple(sorted(set(first.keep + second.keep) & outside)),
            direct=_directs(first) + _directs(second) if first.direct or second.direct else (),
            far=tuple(sorted(set(first.far + second.far) - inside)),
        )  # fmt: skip
        yield (*plan[:number], joined, *plan[number + 2 :])


def _directs(group: GroupPlan) -> tuple[bool, ...]:
    return group.direct or (False,) * len(group.nodes)


def _split(graph: Graph, group: GroupPlan, cut: int) -> tuple[GroupPlan, GroupPlan]:
    """The group in two; what passes between them stays in SRAM."""
    parts = []
    for low, high in ((0, cut), (cut, len(group.nodes))):
        nodes = group.nodes[low:high]
        leaving = escaping(graph, nodes)
        between = [value for value in leaving if low == 0 and any(user in group.nodes for user in graph.consumers[value])]
        keep = {value for value in group.keep if value in leaving} | set(between)
        stripe_rows = group.stripe_rows if low else max(rows(graph.types[value]) for value in leaving)
        far = tuple(value for value in group.far if value not in keep)
        parts.append(replace(
            group, nodes=nodes, stripe_rows=stripe_rows, chunks=group.chunks[low:high], stream=group.stream[low:high],
            keep=tuple(sorted(keep)), direct=group.direct[low:high], far=far,
        ))  # fmt: skip
    return parts[0], parts[1]
