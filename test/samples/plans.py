# SPDX-License-Identifier: Apache-2.0
"""The planner's graphs without MLIR, random schedules for them, and a machine that holds rows instead of bytes. Helpers, no tests."""

from dataclasses import dataclass, field, replace

import numpy as np

from npuc.ops import all_ops
from npuc.ops.base import OpSpec, TensorType
from npuc.plan.graph import Graph, Node, row_axis, rows
from npuc.plan.schedule import GroupPlan, Schedule, far_values
from npuc.plan.steps import Compute, Load, LoadParams, Steps, Store, View, expand
from npuc.targets.base import Target


def i8(*shape: int) -> TensorType:
    """The type of an i8 tensor."""
    return TensorType(shape, "i8")


@dataclass
class Drawing:
    """Builds a graph op by op: `x = d.input(i8(1, 8, 8, 8)); y = d.conv(x, 8); graph = d.graph(y)`. Values are numbers."""

    types: dict[int, TensorType] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    count: int = 0

    def _value(self) -> int:
        self.count += 1
        return self.count - 1

    def input(self, kind: TensorType) -> int:
        value = self._value()
        self.types[value] = kind
        self.inputs.append(value)
        return value

    def op(self, spec: OpSpec, *activations: int) -> int:
        operands, given = [], list(activations)
        for position in range(len(spec.inputs)):
            operands.append(self._value() if position in spec.param_operands else given.pop(0))
        output = self._value()
        self.types[output] = spec.output
        self.nodes.append(Node(len(self.nodes), f"{spec.name}{len(self.nodes)}", spec, tuple(operands), output))
        return output

    def conv(self, x: int, channels: int, kernel: int = 3, stride: int = 1, pad: int = 1) -> int:
        kind = self.types[x]
        weights, bias = i8(channels, kernel, kernel, kind.shape[3]), TensorType((channels,), "i32")
        return self.op(all_ops()["conv2d"].of(kind, weights, bias, strides=(stride, stride), pads=(pad,) * 4), x)

    def add(self, a: int, b: int) -> int:
        return self.op(all_ops()["add"].of(self.types[a], self.types[b]), a, b)

    def reshape(self, x: int, *shape: int) -> int:
        return self.op(all_ops()["reshape"].of(self.types[x], output=i8(*shape)), x)

    def cut_rows(self, x: int, start: int, count: int) -> int:
        n, _, width, channels = self.types[x].shape
        starts, sizes = (0, start, 0, 0), (n, count, width, channels)
        return self.op(all_ops()["slice"].of(self.types[x], starts=starts, sizes=sizes, strides=(1, 1, 1, 1)), x)

    def graph(self, *outputs: int) -> Graph:
        return Graph(tuple(self.nodes), self.types, tuple(self.inputs), outputs)


def random_schedule(rng: np.random.Generator, graph: Graph) -> Schedule:
    """Any schedule that says something meaningful, good or bad."""
    groups: list[GroupPlan] = []
    first = 0
    while first < len(graph.nodes):
        end = min(len(graph.nodes), first + int(rng.integers(1, 6)))
        nodes = tuple(range(first, end))
        tallest = max(rows(graph.nodes[index].spec.output) for index in nodes)
        chunks = tuple(_random_parts(rng, graph.nodes[index]) for index in nodes)
        stream = tuple(bool(rng.random() < 0.3) for _ in nodes)
        node = graph.nodes[first]
        alone = len(nodes) == 1 and chunks[0] > 1 and not node.spec.is_view
        outer = "channels" if alone and rng.random() < 0.6 else "rows"
        leaving = [graph.nodes[index].output for index in nodes if any(user >= end for user in graph.consumers[graph.nodes[index].output])]
        keep = tuple(value for value in leaving if outer == "rows" and rng.random() < 0.3)
        groups.append(GroupPlan(nodes, int(rng.integers(1, tallest + 1)), chunks, stream, keep, outer, bool(rng.random() < 0.7)))
        first = end
    return Schedule(tuple(groups))


def random_reach(rng: np.random.Generator, graph: Graph, schedule: Schedule, target: Target) -> Schedule:
    """The schedule with some parameters and feature maps read and written by the core itself, where the machine can."""
    if not target.core_reaches_dram:
        return schedule
    groups = []
    for group in schedule.groups:
        if group.outer == "rows" and rng.random() < 0.7:
            direct = tuple(bool(graph.nodes[index].spec.param_operands) and rng.random() < 0.4 for index in group.nodes)
            far = tuple(value for value in far_values(graph, group.nodes, target) if value not in group.keep and rng.random() < 0.4)
            group = replace(group, direct=direct, far=far)
        groups.append(group)
    return replace(schedule, groups=tuple(groups))


def random_fetch(rng: np.random.Generator, graph: Graph, schedule: Schedule, target: Target) -> Schedule:
    """The schedule with each parameter load at its use or any number of compute steps ahead of it, order kept; some travel together."""
    number, uses = 0, []
    for step in expand(graph, schedule, target).steps:
        if isinstance(step, LoadParams):
            uses.append(number)
        number += isinstance(step, Compute)
    ahead = int(rng.choice([0, 1, 3, 1000]))
    fetch = [max(0, use - int(rng.integers(0, ahead + 1))) for use in uses]
    join_bytes = int(rng.choice([0, 1000, 10_000, 1_000_000]))
    return replace(schedule, fetch=tuple(np.maximum.accumulate(fetch).tolist()) if fetch else (), join_bytes=join_bytes)


def _random_parts(rng: np.random.Generator, node: Node) -> int:
    """A number of parts that the node's output channels may be cut into."""
    axis = len(node.spec.output.shape) - 1
    if not node.spec.param_bytes() or axis not in node.spec.splits or rng.random() < 0.5:
        return 1
    return int(rng.integers(1, min(node.spec.output.shape[-1], 4) + 1))


# a machine of rows ---------------------------------------------------------------------------------


@dataclass
class _Held:
    """What lies in a buffer: for every slot of rows and channel the value and row that was put there last."""

    value: np.ndarray
    row: np.ndarray


class RowMachine:
    """Executes steps on buffers that remember which row of which value stands in each slot, and complains.

    Attributes:
        computed: node -> how often each element was made.
        stored: value -> how often each row and channel left for off-chip memory.
        loaded: (group, value) -> how often each row came from there.
        params: (node, chunk) -> how often parameters came.
    """

    def __init__(self, graph: Graph, steps: Steps, target: Target):
        self.graph, self.steps, self.target = graph, steps, target
        self.held: dict[int, _Held] = {}
        self.parameters: dict[tuple[int, int], tuple[int, int]] = {}
        # (buffer, view) -> the value whose bytes it is
        self.views: dict[tuple[int, int], int] = {}
        self.computed = {node.index: np.zeros(node.spec.output.shape, int) for node in graph.nodes if not node.spec.is_view}
        self.stored = {value: self._flags(value) for value in graph.types}
        self.loaded: dict[tuple[int, int], np.ndarray] = {}
        self.params: dict[tuple[int, int], int] = {}

    def run(self) -> "RowMachine":
        for step, group in zip(self.steps.steps, self.steps.group_of, strict=True):
            match step:
                case Load():
                    self._load(step, group)
                case LoadParams():
                    for part in step.parts:
                        self.params[part.node, part.chunk] = self.params.get((part.node, part.chunk), 0) + 1
                        self.parameters[step.buffer, part.offset_bytes] = (part.node, part.chunk)
                case Compute():
                    self._compute(step)
                case Store():
                    self._store(step)
                case View():
                    self._view(step)
        return self

    def _flags(self, value: int) -> np.ndarray:
        kind = self.graph.types[value]
        return np.zeros((rows(kind), kind.nhwc[3]), int)

    def _part(self, value: int, region) -> tuple[range, slice]:
        """Rows and channels of a region."""
        kind = self.graph.types[value]
        padded = (*((0, 1),) * (4 - len(kind.shape)), *region)
        (_, _), (low, height), _, (channel, channels) = padded
        return range(low, low + height), slice(channel, channel + channels)

    def _slots(self, buffer: int, value: int, alone_rows: range | None = None) -> _Held:
        if buffer not in self.held:
            kind = self.graph.types[value]
            count = self.steps.buffers[buffer].ring_rows or (len(alone_rows) if alone_rows is not None else rows(kind))
            shape = (count, kind.nhwc[3])
            self.held[buffer] = _Held(np.full(shape, -1), np.full(shape, -1))
        return self.held[buffer]

    def _put(self, buffer: int, value: int, part: tuple[range, slice], alone: bool = False) -> None:
        lines, channels = part
        held = self._slots(buffer, value, lines if alone else None)
        if alone:
            held.value[...], held.row[:, channels] = value, np.array(lines)[:, None]
            return
        assert len(lines) <= len(held.row), f"{len(lines)} rows of value {value} in {len(held.row)} slots"
        for row in lines:
            held.value[row % len(held.row), channels], held.row[row % len(held.row), channels] = value, row

    def _check(self, buffer: int, value: int, part: tuple[range, slice], reader: str, alone: bool = False) -> None:
        source = self.views.get((buffer, value))
        if source is not None:
            value, part = source, self._part(source, self.graph.types[source].whole)
        lines, channels = part
        held = self.held[buffer]
        for position, row in enumerate(lines):
            slot = position if alone else row % len(held.row)
            assert (held.value[slot, channels] == value).all() and (held.row[slot, channels] == row).all(), (
                f"{reader} reads row {row} of value {value}, slot {slot} holds rows {held.row[slot]} of {held.value[slot]}"
            )

    def _load(self, step: Load, group: int) -> None:
        lines, channels = self._part(step.value, step.region)
        if step.value not in self.graph.inputs:
            assert self.stored[step.value][lines.start : lines.stop, channels].all(), f"value {step.value} is loaded before it was stored"
        flags = self.loaded.setdefault((group, step.value), self._flags(step.value))
        flags[lines.start : lines.stop, channels] += 1
        self._put(step.buffer, step.value, (lines, channels))

    def _store(self, step: Store) -> None:
        lines, channels = self._part(step.value, step.region)
        self._check(step.buffer, step.value, (lines, channels), "a store", step.alone)
        self.stored[step.value][lines.start : lines.stop, channels] += 1

    def _compute(self, step: Compute) -> None:
        node = self.graph.nodes[step.node]
        tile = node.spec.tile(step.region)
        if step.params >= 0:
            assert self.parameters[step.params, step.params_offset] == (step.node, step.chunk), (
                f"{node.name} finds parameters of {self.parameters[step.params, step.params_offset]}"
            )
        else:
            assert not node.spec.param_bytes(), f"{node.name} has no parameters"
        assert (step.scratch >= 0) == bool(tile.spec.scratch_bytes(self.target))
        for value, buffer, position in zip(node.activations, step.inputs, node.spec.activations, strict=True):
            self._check(buffer, value, self._part(value, tile.regions[position]), node.name)
        self.computed[step.node][tuple(slice(start, start + size) for start, size in step.region)] += 1
        self._put(step.output, node.output, self._part(node.output, step.region), step.alone)

    def _view(self, step: View) -> None:
        """The operand must lie there whole; from now on its bytes are the result's too."""
        node = self.graph.nodes[step.node]
        source = node.activations[0]
        self._check(step.buffer, source, self._part(source, self.graph.types[source].whole), node.name)
        self.views[step.buffer, node.output] = self.views.get((step.buffer, source), source)


def touched(step) -> tuple[int, ...]:
    """Buffers of a step."""
    if isinstance(step, Compute):
        return tuple(number for number in (*step.inputs, step.output, step.params, step.scratch) if number >= 0)
    return (step.buffer,)


def divisible(graph: Graph, index: int) -> bool:
    """Whether a node can be cut by rows."""
    spec = graph.nodes[index].spec
    return not spec.is_view and row_axis(spec.output) in spec.splits
