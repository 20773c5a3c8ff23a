# SPDX-License-Identifier: Apache-2.0
"""A schedule spelled out, executed on a machine that holds rows: every tile finds its rows, everything is made and stored once."""

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects, targets
from npuc.errors import UserInputError
from npuc.passes._segment import read_segment
from npuc.passes.base import functions
from npuc.passes.pipeline import run_passes
from npuc.plan.graph import Graph, entering
from npuc.plan.schedule import GroupPlan, Schedule
from npuc.plan.search import search
from npuc.plan.steps import Compute, Load, LoadParams, Store, align, channel_chunks, expand
from samples.networks import NAMED, random_network
from samples.plans import Drawing, RowMachine, divisible, i8, random_fetch, random_schedule, touched

EDGE = targets.get("edge-256")


def graph_of(module: ir.Module) -> Graph:
    """The planner's graph of a module of npu ops."""
    run_passes(module, ["canonicalize"])
    return read_segment(functions(module)[0].operation).graph


def check_everything(graph: Graph, schedule: Schedule, target) -> None:
    """The rules that any expansion of any schedule has to keep."""
    steps = expand(graph, schedule, target)
    machine = RowMachine(graph, steps, target).run()
    for index, count in machine.computed.items():
        assert count.max() == 1, f"node {index} makes elements twice"
        if not divisible(graph, index):
            assert count.min() == 1
    for value in graph.outputs:
        assert (machine.stored[value] == 1).all(), (
            f"value {value} is stored {machine.stored[value].min()}..{machine.stored[value].max()} times"
        )
    assert max((count.max() for count in machine.stored.values()), default=0) <= 1
    for (group, value), count in machine.loaded.items():
        plan = schedule.groups[group]
        again = len(channel_chunks(graph.nodes[plan.nodes[0]], plan.chunks[0], target)) if plan.outer == "channels" else 1
        assert count.max() <= again, f"group {group} loads value {value} {count.max()} times"
        assert value in entering(graph, plan.nodes)
    for position, step in enumerate(steps.steps):
        for number in touched(step):
            assert steps.buffers[number].first <= position <= steps.buffers[number].last
    positions = [[p for p, step in enumerate(steps.steps) if number in touched(step)] for number in range(len(steps.buffers))]
    assert [(buffer.first, buffer.last) for buffer in steps.buffers] == [(found[0], found[-1]) for found in positions]
    assert [found[0] for found in positions] == sorted(found[0] for found in positions), "buffers are numbered by first touch"
    assert all(buffer.size_bytes > 0 and buffer.size_bytes % 16 == 0 for buffer in steps.buffers)


@pytest.mark.parametrize("seed", range(60))
def test_any_schedule_of_a_random_network(seed):
    """The seed makes the network, the schedule and the choice of machine."""
    rng = np.random.default_rng(seed)
    with dialects.new_context(), ir.Location.unknown():
        graph = graph_of(random_network(seed, ops=int(rng.integers(3, 14))))
    target = targets.get(("pico-64", "edge-256", "edge-2048")[seed % 3])
    for _ in range(4):
        check_everything(graph, random_fetch(rng, graph, random_schedule(rng, graph), target), target)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_what_the_search_chooses(name):
    with dialects.new_context(), ir.Location.unknown():
        graph = graph_of(NAMED[name]())
    for kib in (None, 48):
        target = targets.get("edge-256", kib)
        check_everything(graph, search(graph, target).schedule, target)


def two_convolutions() -> Graph:
    drawing = Drawing()
    x = drawing.input(i8(1, 8, 8, 8))
    return drawing.graph(drawing.conv(drawing.conv(x, 16), 16))


def kinds(graph: Graph, group: GroupPlan, fetch: tuple[int, ...] = (), join_bytes: int = 0) -> str:
    """One letter a step: Load, Params, Compute (by node), Store."""
    steps = expand(graph, Schedule((group,), fetch, join_bytes), EDGE).steps
    names = {Load: "L", LoadParams: "P", Store: "S"}
    return "".join(str(step.node) if isinstance(step, Compute) else names[type(step)] for step in steps)


def test_the_next_stripe_is_loaded_behind_the_first_command_of_this_one():
    assert kinds(two_convolutions(), GroupPlan((0, 1), 4, (1, 1), (False, False))) == "LP0LP1S01S"


def test_without_loading_ahead_a_stripe_waits_for_its_rows():
    assert kinds(two_convolutions(), GroupPlan((0, 1), 4, (1, 1), (False, False), ahead=False)) == "LP0P1SL01S"


def test_streamed_parameters_come_again_with_every_stripe():
    assert kinds(two_convolutions(), GroupPlan((0, 1), 4, (1, 1), (True, True))) == "LP0LP1SP0P1S"


def test_chunks_bring_their_parameters_one_after_the_other():
    assert kinds(two_convolutions(), GroupPlan((0, 1), 8, (2, 2), (False, False))) == "LP0P0P1P1S"


def test_parameters_are_fetched_in_front_of_the_step_that_is_named():
    assert kinds(two_convolutions(), GroupPlan((0, 1), 8, (1, 1), (False, False)), fetch=(0, 0)) == "LPP01S"


def test_parameters_that_stand_together_travel_together():
    graph, group = two_convolutions(), GroupPlan((0, 1), 8, (1, 1), (False, False))
    sizes = [node.spec.param_bytes() for node in graph.nodes]
    assert kinds(graph, group, fetch=(0, 0), join_bytes=align(sizes[0]) + align(sizes[1])) == "LP01S"
    assert kinds(graph, group, fetch=(0, 0), join_bytes=align(sizes[0]) + align(sizes[1]) - 1) == "LPP01S"
    assert kinds(graph, group, fetch=(0, 1), join_bytes=1 << 20) == "LP0P1S"
    (load,) = [step for step in expand(graph, Schedule((group,), (0, 0), join_bytes=1 << 20), EDGE).steps if isinstance(step, LoadParams)]
    assert [(part.node, part.offset_bytes, part.size_bytes) for part in load.parts] == [(0, 0, sizes[0]), (1, align(sizes[0]), sizes[1])]
    assert load.moved_bytes == align(sizes[0]) + sizes[1]


def test_parameters_cannot_come_behind_their_use():
    with pytest.raises(UserInputError, match="too late"):
        kinds(two_convolutions(), GroupPlan((0, 1), 8, (1, 1), (False, False)), fetch=(0, 2))


def test_every_parameter_load_needs_its_entry():
    with pytest.raises(UserInputError, match="not for this network"):
        kinds(two_convolutions(), GroupPlan((0, 1), 8, (1, 1), (False, False)), fetch=(0,))


def test_one_op_may_pass_all_stripes_for_each_chunk_of_channels():
    drawing = Drawing()
    graph = drawing.graph(drawing.conv(drawing.input(i8(1, 8, 8, 8)), 16))
    assert kinds(graph, GroupPlan((0,), 4, (2,), (False,), outer="channels")) == "LP0LS0SLP0LS0S"
    assert kinds(graph, GroupPlan((0,), 8, (2,), (False,), outer="channels")) == "LP0SP0S"


def test_a_kept_value_is_neither_stored_nor_loaded():
    graph = two_convolutions()
    middle = graph.nodes[0].output
    groups = (GroupPlan((0,), 4, (1,), (False,), keep=(middle,)), GroupPlan((1,), 4, (1,), (False,)))
    steps = expand(graph, Schedule(groups, 0), EDGE).steps
    assert [step.value for step in steps if isinstance(step, Load | Store)] == [graph.inputs[0]] * 2 + [graph.outputs[0]] * 2


@pytest.mark.parametrize(("parts", "wanted"), [(1, [40]), (2, [24, 16]), (3, [16, 16, 8]), (5, [8] * 5), (99, [8] * 5)])
def test_chunks_are_whole_granules_of_the_array(parts, wanted):
    drawing = Drawing()
    graph = drawing.graph(drawing.conv(drawing.input(i8(1, 8, 8, 8)), 40))
    chunks = channel_chunks(graph.nodes[0], parts, EDGE)
    assert [size for _, size in chunks] == wanted
    assert [start for start, _ in chunks] == [sum(wanted[:i]) for i in range(len(wanted))]
