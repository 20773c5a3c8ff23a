# SPDX-License-Identifier: Apache-2.0
"""Chooses groups, stripes, residency and prefetch for the function's NPU ops and writes them as `npu.schedule`.

The search is `npuc.plan.search`, a pure function on the ops' specs and the module's target. With `file`, a schedule
saved earlier (or made by hand) is replayed instead: it is spelled out, placed and timed like any other.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from torch_mlir import ir

from npuc.dialects.attrs import ScheduleDict, from_attr, to_attr
from npuc.errors import DoesNotFit, UserInputError
from npuc.passes._segment import SCHEDULE_ATTRIBUTE, drop_dead, read_segment
from npuc.passes.base import Pass, functions, option, target_of
from npuc.plan.graph import Graph
from npuc.plan.schedule import Schedule
from npuc.plan.search import Result, finish, lay_out, search
from npuc.targets.base import Target


@dataclass(frozen=True)
class NpuSchedule(Pass):
    file: str | None = option("JSON file with a schedule to replay instead of searching", default=None)

    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        for function in functions(module):
            drop_dead(function.operation)
            graph = read_segment(function.operation).graph
            if not graph.nodes:
                continue
            result = search(graph, target) if self.file is None else _replay(self.file, graph, target)
            layers = [
                {"name": node.name, "op": node.spec.name, "macs": node.spec.macs(), "array_cycles": node.spec.array_cycles(target)}
                for node in graph.nodes
            ]
            content = ScheduleDict(
                **_plain(result.schedule.to_dict()), compulsory_bytes=graph.compulsory_bytes(), array_cycles=graph.array_cycles(target), layers=layers
            )
            function.operation.attributes[SCHEDULE_ATTRIBUTE] = to_attr(content)


def _plain(value):
    """Tuples of JSON-like values as lists, which is what the attribute holds."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _replay(file: str, graph: Graph, target: Target) -> Result:
    try:
        content = json.loads(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise UserInputError(f"the schedule file '{file}' cannot be read", found=str(error), wanted="a JSON file that --save-schedule wrote") from error
    if not isinstance(content, dict):
        raise UserInputError(f"the schedule file '{file}' holds no schedule", found=repr(content)[:60], wanted="a file that --save-schedule wrote")
    schedule = Schedule.from_dict(content)
    schedule.check(graph)
    steps, placement = lay_out(graph, schedule, target)
    if placement.peak_bytes > target.sram.bytes:
        raise DoesNotFit(
            f"the schedule in '{file}' does not fit {target.name}", found=f"{placement.peak_bytes} bytes", wanted=f"at most {target.sram.bytes} bytes"
        )
    return finish(graph, target, schedule, steps, placement)


def schedule_of(function: ir.Operation) -> Schedule:
    """The schedule that `npu-schedule` wrote on `function`.

    Raises:
        UserInputError: there is none, or it cannot be read.
    """
    if SCHEDULE_ATTRIBUTE not in function.attributes:
        raise UserInputError("the function has no schedule", wanted=f"attribute {SCHEDULE_ATTRIBUTE}", advice="run npu-schedule first")
    content = from_attr(function.attributes[SCHEDULE_ATTRIBUTE])
    return Schedule.from_dict(content)
