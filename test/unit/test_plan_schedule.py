# SPDX-License-Identifier: Apache-2.0
"""A schedule goes to JSON and to the attribute and back without loss, replays to the same program, and a wrong one is refused."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects
from npuc.compiler import encode, lower, schedule_content
from npuc.dialects.attrs import ScheduleDict, from_attr, to_attr
from npuc.errors import DoesNotFit, UserInputError
from npuc.passes._segment import read_segment
from npuc.passes.base import functions, target_of
from npuc.passes.pipeline import run_passes
from npuc.plan.schedule import GroupPlan, Schedule
from npuc.targets import get
from samples.networks import LOWERING, NAMED, random_network, run_levels, set_target
from samples.plans import random_fetch, random_reach, random_schedule

PLAN = Schedule(
    groups=(
        GroupPlan((0, 1), 4, (1, 2), (False, True), keep=(7,), ahead=False),
        GroupPlan((2,), 8, (3,), (False,), outer="channels"),
    ),
    fetch=(0, 0, 1),
    estimate_cycles=1 << 40,
    network_bound_cycles=77,
    peak_sram_bytes=12_000,
    live_sram_bytes=11_000,
)


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def scheduled(name: str, target: str = "edge-256", sram_kib: int | None = None) -> ir.Module:
    module = NAMED[name]()
    set_target(module, target, sram_kib)
    run_passes(module, LOWERING[: LOWERING.index("npu-schedule") + 1])
    return module


def written(tmp_path: Path, content: object) -> str:
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_json_and_back():
    assert Schedule.from_dict(json.loads(json.dumps(PLAN.to_dict()))) == PLAN


def test_the_attribute_and_back():
    attribute = to_attr(ScheduleDict(json.loads(json.dumps(PLAN.to_dict()))))
    again = ir.Attribute.parse(str(attribute))
    assert Schedule.from_dict(from_attr(again)) == PLAN


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_replayed_schedule_makes_the_same_program(tmp_path, name):
    first = scheduled(name, "edge-256", 48)
    content = schedule_content(first)
    assert Schedule.from_dict(content).to_dict().keys() <= content.keys()
    levels = [run_levels(NAMED[name](), "edge-256", 48, schedule=path) for path in (None, written(tmp_path, content))]
    assert levels[0].program.to_bytes() == levels[1].program.to_bytes()


@pytest.mark.parametrize("seed", range(30))
def test_a_foreign_schedule_is_right_or_does_not_fit(tmp_path, seed):
    """Any grouping, stripes, chunks, order and residency, good or bad: the seed makes the network and the schedule."""
    rng = np.random.default_rng(1000 + seed)
    module = random_network(seed, ops=9)
    target = ("pico-64", "edge-256", "edge-2048", "u65-512-dram")[seed % 4]
    set_target(module, target)
    run_passes(module, ["canonicalize", "npu-partition"])
    graph = read_segment(functions(module)[0].operation).graph
    for _ in range(2):
        plan = random_fetch(rng, graph, random_reach(rng, graph, random_schedule(rng, graph), get(target)), get(target))
        path = written(tmp_path, plan.to_dict())
        try:
            run_levels(random_network(seed, ops=9), target, schedule=path)
        except DoesNotFit as error:
            assert str(get(target).sram.bytes) in str(error.wanted)


@pytest.mark.parametrize("seed", range(12))
def test_the_core_reads_and_writes_off_chip_as_a_schedule_says(tmp_path, seed):
    """Parameters, inputs and results anywhere off-chip: the values are the same."""
    rng = np.random.default_rng(2000 + seed)
    module = random_network(seed, ops=7)
    set_target(module, "u65-512-dram")
    run_passes(module, ["canonicalize", "npu-partition"])
    graph = read_segment(functions(module)[0].operation).graph
    target = get("u65-512-dram")
    drawn = random_schedule(rng, graph)
    drawn = replace(drawn, groups=tuple(replace(group, outer="rows") for group in drawn.groups))
    plans = (random_reach(rng, graph, drawn, target) for _ in range(100))
    plan = next(plan for plan in plans if any(any(group.direct) or group.far for group in plan.groups))
    run_levels(random_network(seed, ops=7), "u65-512-dram", schedule=written(tmp_path, random_fetch(rng, graph, plan, target).to_dict()))


def test_only_a_core_that_reaches_off_chip_memory_is_told_to(tmp_path):
    content = schedule_content(scheduled("conv_chain"))
    groups = [group | {"direct": [True] * len(group["nodes"])} for group in content["groups"]]
    module = NAMED["conv_chain"]()
    set_target(module, "edge-256")
    with pytest.raises(UserInputError, match="reach off-chip memory, wanted a machine whose core does"):
        run_passes(module, [f"npu-schedule{{file={written(tmp_path, content | {'groups': groups})}}}"])


def test_lower_takes_a_schedule_file(tmp_path):
    content = schedule_content(scheduled("residuals"))
    target = get("edge-256")
    programs = []
    for schedule in (None, written(tmp_path, content)):
        module = NAMED["residuals"]()
        lower(module, target, schedule=schedule)
        programs.append(encode(module, target).to_bytes())
    assert programs[0] == programs[1]


def test_a_path_may_have_spaces_and_brackets(tmp_path):
    folder = tmp_path / "a b,c}"
    folder.mkdir()
    lower(NAMED["residuals"](), get("edge-256"), schedule=written(folder, schedule_content(scheduled("residuals"))))


def test_a_replay_says_what_it_costs_anew(tmp_path):
    """Figures in the file are not believed."""
    content = schedule_content(scheduled("conv_chain"))
    lie = written(tmp_path, content | {"estimate_cycles": 1, "peak_sram_bytes": 1})
    module = NAMED["conv_chain"]()
    set_target(module, "edge-256")
    run_passes(module, [f"npu-schedule{{file={lie}}}"])
    assert schedule_content(module)["estimate_cycles"] == content["estimate_cycles"]
    assert schedule_content(module)["peak_sram_bytes"] == content["peak_sram_bytes"]


def test_a_schedule_for_a_larger_machine_is_refused_with_both_sizes(tmp_path):
    content = schedule_content(scheduled("residuals", "edge-2048"))
    module = NAMED["residuals"]()
    set_target(module, "edge-256", 4)
    with pytest.raises(DoesNotFit) as caught:
        run_passes(module, [f"npu-schedule{{file={written(tmp_path, content)}}}"])
    assert str(caught.value.found) == f"{content['peak_sram_bytes']} bytes"
    assert str(caught.value.wanted) == f"at most {target_of(module).sram.bytes} bytes"


WRONG_FILES = {
    "no JSON": "{",
    "empty": "",
    "no object": "[]",
    "text": '"npu"',
    "a number": "5",
    "null": "null",
    "no groups": '{"fetch": []}',
    "groups of numbers": '{"groups": [1, 2], "fetch": []}',
    "groups null": '{"groups": null, "fetch": []}',
    "no number": '{"groups": [], "fetch": "x"}',
    "another network": '{"groups": [], "fetch": []}',
}


@pytest.mark.parametrize("content", WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_what_is_no_schedule_is_refused(tmp_path, content):
    path = tmp_path / "schedule.json"
    path.write_text(content)
    _refused(path, UserInputError)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    _refused(tmp_path / "none.json", UserInputError)
    _refused(tmp_path, UserInputError)


def _refused(path: Path, kind: type[Exception]) -> None:
    module = NAMED["residuals"]()
    set_target(module, "edge-256")
    with pytest.raises(kind, match="schedule"):
        run_passes(module, [f"npu-schedule{{file={path}}}"])


def _edit(group: int, **values):
    """A change of one group of a good schedule."""

    def change(content: dict) -> None:
        content["groups"][group].update(values)

    return change


def _every(**values):
    """A change of all groups; a list stands for one entry an op."""

    def change(content: dict) -> None:
        for group in content["groups"]:
            group.update({key: value * len(group["nodes"]) if isinstance(value, list) else value for key, value in values.items()})

    return change


WRONG_PLANS = {
    "ops twice": lambda content: content["groups"].append(content["groups"][0]),
    "ops left out": lambda content: content["groups"].pop(),
    "another op": _edit(0, nodes=[99]),
    "a negative op": _edit(0, nodes=[-1]),
    "no stripe height": _edit(0, stripe_rows=None),
    "a stripe of nothing": _edit(0, stripe_rows=0),
    "a stripe of less than nothing": _edit(0, stripe_rows=-1),
    "a broken stripe": _edit(0, stripe_rows=2.7),
    "a stripe in words": _edit(0, stripe_rows="2"),
    "no chunks": _every(chunks=[0]),
    "less than no chunks": _every(chunks=[-1]),
    "chunks too few": _edit(0, chunks=[]),
    "chunks too many": _edit(0, chunks=[1] * 99),
    "more chunks than channels": _every(chunks=[99]),
    "streams too few": _edit(0, stream=[]),
    "streams in words": _every(stream=["no"]),
    "kept what is not there": _edit(0, keep=[999]),
    "kept what is not made here": _edit(0, keep=[0]),
    "kept a negative value": _edit(0, keep=[-1]),
    "channels outside of several ops": _every(outer="channels"),
    "an unknown order": _edit(0, outer="diagonal"),
    "ahead in words": _edit(0, ahead="yes"),
    "a key is missing": lambda content: content["groups"][0].pop("chunks"),
    "an unknown key": _edit(0, colour="red"),
    "fetched too late": lambda content: content.update(fetch=[999] * len(content["fetch"])),
    "fetches too few": lambda content: content.update(fetch=content["fetch"][:-1]),
    "fetched before the start": lambda content: content.update(fetch=[-1] * len(content["fetch"])),
}


@pytest.mark.parametrize("change", WRONG_PLANS.values(), ids=WRONG_PLANS.keys())
def test_a_schedule_that_cannot_be_is_refused(tmp_path, change):
    content = copy.deepcopy(schedule_content(scheduled("residuals", sram_kib=16)))
    change(content)
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps(content))
    _refused(path, UserInputError)


def test_without_a_schedule_tiling_says_what_to_run():
    module = NAMED["conv_chain"]()
    set_target(module, "edge-256")
    with pytest.raises(UserInputError, match="run npu-schedule first"):
        run_passes(module, ["npu-tile"])


def test_results_are_written_beside_the_decisions():
    assert replace(PLAN, estimate_cycles=5) == PLAN.with_result(estimate_cycles=5)
