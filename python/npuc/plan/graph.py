# SPDX-License-Identifier: Apache-2.0
"""The part of a network that one NPU segment runs, as specs and values: what the planner sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from npuc.ops.base import OpSpec, Region, TensorType, Tile, region_type
from npuc.ops.slice import Slice
from npuc.targets.base import Target


def row_axis(tensor: TensorType) -> int | None:
    """Index of the dimension that is H in the NHWC view; None where the tensor has fewer than three."""
    return len(tensor.shape) - 3 if len(tensor.shape) >= 3 else None


def rows(tensor: TensorType) -> int:
    """Extent of H in the NHWC view."""
    return tensor.nhwc[1]


def row_bytes(tensor: TensorType) -> int:
    """Bytes of one row of the NHWC view."""
    return tensor.bytes // rows(tensor) if tensor.bytes else 0


def with_rows(tensor: TensorType, low: int, high: int) -> Region:
    """The region of rows low .. high - 1, whole elsewhere."""
    axis = row_axis(tensor)
    return tuple((low, high - low) if i == axis else (0, extent) for i, extent in enumerate(tensor.shape))


@dataclass(frozen=True)
class Node:
    """One op: its spec, the values it reads (parameters included) and the one it makes."""

    index: int
    name: str
    spec: OpSpec
    inputs: tuple[int, ...]
    output: int

    @cached_property
    def activations(self) -> tuple[int, ...]:
        """Values of the operands that are not parameters."""
        return tuple(self.inputs[i] for i in self.spec.activations)


@dataclass(frozen=True)
class Graph:
    """Nodes in a topological order over numbered values.

    Attributes:
        types: type of each value by number.
        inputs: values that arrive from outside, in off-chip memory.
        outputs: values that must end in off-chip memory.
        packed_bytes: node -> bytes of its parameters as they lie off chip, where the machine decodes packed weights; else empty.
        packed_part_bytes: (node, region of its output) -> the same of the parameters that this region needs.
        resident: inputs that lie in SRAM from the start and outputs that lie there at the end, where off-chip memory cannot be written.
        constants: inputs that the program brings with it.
        bricks: values that lie in bricks of channels, wherever they lie; see `npuc.plan.bricks`.
    """

    nodes: tuple[Node, ...]
    types: dict[int, TensorType]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    packed_bytes: dict[int, int] = field(default_factory=dict)
    resident: frozenset[int] = frozenset()
    constants: frozenset[int] = frozenset()
    bricks: frozenset[int] = frozenset()
    packed_part_bytes: Callable[[int, Region], int] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def consumers(self) -> dict[int, tuple[int, ...]]:
        """Value -> indices of the nodes that read it as an activation."""
        found: dict[int, list[int]] = {value: [] for value in self.types}
        for node in self.nodes:
            for value in dict.fromkeys(node.activations):
                found[value].append(node.index)
        return {value: tuple(users) for value, users in found.items()}

    @cached_property
    def borders(self) -> dict[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]]:
        """Nodes -> values that leave them and values that enter them, as far as somebody asked; see `escaping` and `entering`."""
        return {}

    @cached_property
    def producer(self) -> dict[int, int]:
        """Value -> index of the node that makes it."""
        return {node.output: node.index for node in self.nodes}

    @cached_property
    def needed(self) -> tuple[Tile, ...]:
        """Of every node, the rows that reach a result: what a later stride or slice leaves unread above or below need not be made."""
        wanted = {value: (0, rows(self.types[value])) for value in self.outputs}
        found: dict[int, Tile] = {}
        for node in reversed(self.nodes):
            spec = node.spec
            cut = node.output in wanted and not spec.is_view and row_axis(spec.output) in spec.splits
            tile = found[node.index] = spec.tile(with_rows(spec.output, *wanted[node.output]) if cut else spec.output.whole)
            for position in spec.activations:
                value = node.inputs[position]
                axis = row_axis(self.types[value])
                start, size = (0, 1) if axis is None else tile.regions[position][axis]
                low, high = wanted.get(value, (start, start + size))
                wanted[value] = min(low, start), max(high, start + size)
        return tuple(found[node.index] for node in self.nodes)

    def moved_bytes(self, node: Node) -> int:
        """Bytes that a fetch of the node's parameters moves."""
        return self.packed_bytes.get(node.index, node.spec.param_bytes())

    def param_bytes(self) -> int:
        """Bytes of all parameters as they lie off chip."""
        return sum(self.moved_bytes(node) for node in self.nodes)

    def compulsory_bytes(self, target: Target) -> int:
        """Off-chip bytes that no schedule avoids: parameters and what is read of the inputs once in, outputs once out.

        Each input and output starts at a burst of its own, so it takes whole bursts; parameters may share them.
        """
        return self.param_bytes() + self._edge_bytes({*self.inputs, *self.outputs}, target)

    def own_compulsory_bytes(self, node: Node, target: Target) -> int:
        """The part of `compulsory_bytes` that a node answers for: parameters, inputs that it is the first to read, an output that it makes."""
        edges = {node.output} & set(self.outputs) | {value for value in {*node.activations} & set(self.inputs) if self.consumers[value][0] == node.index}
        return self.moved_bytes(node) + self._edge_bytes(edges, target)

    def _edge_bytes(self, values: set[int], target: Target) -> int:
        return sum(target.dram.in_bursts(self._edge_value_bytes(value)) for value in values - self.resident)

    def _edge_value_bytes(self, value: int) -> int:
        """All of a result; of an input what the reader of the largest part takes."""
        if value in self.outputs:
            return self.types[value].bytes
        return max((self._read_bytes(self.nodes[index], value) for index in self.consumers[value]), default=0)

    def _read_bytes(self, node: Node, value: int) -> int:
        """What a node reads of a value."""
        tile = self.needed[node.index]
        if isinstance(node.spec, Slice):
            return tile.spec.output.bytes
        return max(region_type(self.types[value], tile.regions[i]).bytes for i in node.spec.activations if node.inputs[i] == value)

    def own_array_cycles(self, node: Node, target: Target) -> int:
        """A layer's bound on the array, for the rows that are needed."""
        return self.needed[node.index].spec.array_cycles(target)

    def array_cycles(self, target: Target) -> int:
        """Sum of the layers' own bounds on the array."""
        return sum(self.own_array_cycles(node, target) for node in self.nodes)

    def network_bound_cycles(self, target: Target) -> int:
        """max(sum of array bounds, compulsory off-chip bytes / bandwidth): no schedule is faster."""
        return max(self.array_cycles(target), target.dram.cycles(self.compulsory_bytes(target)))


def escaping(graph: Graph, members: Sequence[int]) -> tuple[int, ...]:
    """Values made by `members` that someone outside reads."""
    return _borders(graph, tuple(members))[0]


def entering(graph: Graph, members: Sequence[int]) -> tuple[int, ...]:
    """Activations that `members` read and do not make."""
    return _borders(graph, tuple(members))[1]


def _borders(graph: Graph, members: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    found = graph.borders.get(members)
    if found is None:
        nodes, inside, outputs = [graph.nodes[index] for index in members], set(members), set(graph.outputs)
        made = {node.output for node in nodes}
        leaving = (node.output for node in nodes if node.output in outputs or any(user not in inside for user in graph.consumers[node.output]))
        arriving = dict.fromkeys(value for node in nodes for value in node.activations if value not in made)
        found = graph.borders[members] = tuple(leaving), tuple(arriving)
    return found
