# SPDX-License-Identifier: Apache-2.0
"""Chooses groups, stripes, residency and prefetch for the function's NPU ops and writes them as `npu.schedule`.

A function of several NPU segments has one schedule for each, under `segments`, in the order in which they run.
The search is `npuc.plan.search`, a pure function on the ops' specs and the module's target. With `file`, a schedule
saved earlier (or made by hand) is replayed instead: it is spelled out, placed and timed like any other.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.attrs import ScheduleDict, from_attr, to_attr
from npuc.errors import DoesNotFit, UserInputError
from npuc.ops.base import Region, cut
from npuc.passes._packing import packed_bytes
from npuc.passes._segment import SCHEDULE_ATTRIBUTE, Segment, drop_dead, graph_of, segments
from npuc.passes.base import Pass, constant_value, functions, option, target_of
from npuc.plan.bricks import in_bricks
from npuc.plan.graph import Graph
from npuc.plan.options import DEFAULT_EFFORT, TECHNIQUES, Options
from npuc.plan.price import Pricer
from npuc.plan.schedule import Schedule
from npuc.plan.search import Result, finish, lay_out, search
from npuc.targets.base import Target


@dataclass(frozen=True)
class NpuSchedule(Pass):
    file: str | None = option("JSON file with a schedule to replay instead of searching", default=None)
    effort: int = option("how many candidates the search looks at: 0 to 3", default=DEFAULT_EFFORT)
    without: str = option(f"techniques to leave out, separated by commas: {', '.join(TECHNIQUES)}", default="")

    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        for function in functions(module):
            drop_dead(function.operation)
            found, first = [], 0
            for ops in segments(function.operation):
                found.append(graph_of(ops, first, edges_in_sram=not target.dram.writable))
                first += len(ops)
            if not found:
                continue
            if self.file is None:
                options = Options.of(self.effort, self.without)
                graphs = [planned_graph(segment, target, options.bricks) for segment in found]
                results = [search(graph, target, options) for graph in graphs]
            else:
                schedules = _read(self.file, len(found))
                graphs = [planned_graph(segment, target, schedule.bricks) for segment, schedule in zip(found, schedules, strict=True)]
                results = [_replay(self.file, schedule, graph, target) for schedule, graph in zip(schedules, graphs, strict=True)]
            contents = [_content(result, graph, target) for result, graph in zip(results, graphs, strict=True)]
            content = contents[0] if len(contents) == 1 else {"segments": contents}
            function.operation.attributes[SCHEDULE_ATTRIBUTE] = to_attr(ScheduleDict(content))


def planned_graph(segment: Segment, target: Target, bricks: bool) -> Graph:
    """The segment's graph as the planner sees it.

    It has the sizes of parameters off chip where the machine decodes packed weights, and feature maps in bricks of channels if `bricks`.
    """
    graph = in_bricks(segment.graph, target) if bricks else segment.graph
    if not target.array.decoded_weights:
        return graph
    known: dict[int, list[np.ndarray]] = {}
    for node, op in zip(segment.graph.nodes, segment.ops, strict=True):
        arrays = [constant_value(op.operands[position]) for position in node.spec.param_operands]
        if arrays and all(array is not None for array in arrays):
            known[node.index] = arrays
    nodes = segment.graph.nodes

    def part(index: int, region: Region) -> int:
        tile = nodes[index].spec.tile(region)
        return packed_bytes(tile.spec, target, [cut(array, tile.regions[p]) for p, array in zip(tile.spec.param_operands, known[index], strict=True)])

    sizes = {index: packed_bytes(nodes[index].spec, target, arrays) for index, arrays in known.items()}
    return replace(graph, packed_bytes=sizes, packed_part_bytes=part)


def _content(result: Result, graph: Graph, target: Target) -> dict[str, Any]:
    """One segment's schedule as plain values, with what the program file says of its layers."""
    expected = dict(result.price.busy)
    layers = [
        {
            "name": node.name, "op": node.spec.name, "macs": node.spec.macs(), "array_cycles": graph.own_array_cycles(node, target),
            # ops of one layer share its name, and its first op has the layer's cycles
            "estimate_cycles": expected.pop(node.name, 0), "compulsory_bytes": graph.own_compulsory_bytes(node, target),
        }
        for node in graph.nodes
    ]  # fmt: skip
    figures = {"compulsory_bytes": graph.compulsory_bytes(target), "array_cycles": graph.array_cycles(target), "layers": layers}
    return _plain(result.schedule.to_dict()) | figures


def _plain(value):
    """Tuples of JSON-like values as lists, which is what the attribute holds."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _read(file: str, segments_wanted: int) -> list[Schedule]:
    """The schedules of a file, one for each segment."""
    try:
        content = json.loads(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise UserInputError(f"the schedule file '{file}' cannot be read", found=str(error), wanted="a JSON file that --save-schedule wrote") from error
    contents = segment_contents(content)
    if len(contents) != segments_wanted:
        raise UserInputError(
            f"the schedule file '{file}' is not for this network",
            found=f"schedules of {len(contents)} NPU segments",
            wanted=f"of {segments_wanted}",
            advice="compile with the same ops on the host",
        )
    for one in contents:
        if not isinstance(one, dict):
            raise UserInputError(f"the schedule file '{file}' holds no schedule", found=repr(one)[:60], wanted="a file that --save-schedule wrote")
    return [Schedule.from_dict(one) for one in contents]


def _replay(file: str, schedule: Schedule, graph: Graph, target: Target) -> Result:
    """A schedule laid out and timed."""
    schedule.check(graph, target)
    steps, placement = lay_out(graph, schedule, target)
    if placement.peak_bytes > target.sram.bytes:
        raise DoesNotFit(
            f"the schedule in '{file}' does not fit {target.name}", found=f"{placement.peak_bytes} bytes", wanted=f"at most {target.sram.bytes} bytes"
        )
    return finish(Pricer(graph, target), schedule, steps, placement)


def segment_contents(content: Any) -> list[dict[str, Any]]:
    """The schedule of each NPU segment, from what `npu.schedule` or a file of --save-schedule holds.

    Raises:
        UserInputError: neither one schedule nor a list of them.
    """
    contents = content.get("segments", [content]) if isinstance(content, dict) else None
    if not isinstance(contents, list) or not all(isinstance(one, dict) for one in contents):
        raise UserInputError("the schedule cannot be read", found=f"{content!r}"[:80], wanted="the form that --save-schedule writes")
    return contents


def schedules_of(function: ir.Operation) -> list[Schedule]:
    """The schedules that `npu-schedule` wrote on `function`, one for each NPU segment.

    Raises:
        UserInputError: there are none, or they cannot be read.
    """
    if SCHEDULE_ATTRIBUTE not in function.attributes:
        raise UserInputError("the function has no schedule", wanted=f"attribute {SCHEDULE_ATTRIBUTE}", advice="run npu-schedule first")
    contents = segment_contents(from_attr(function.attributes[SCHEDULE_ATTRIBUTE]))
    return [Schedule.from_dict(content) for content in contents]
