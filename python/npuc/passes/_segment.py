# SPDX-License-Identifier: Apache-2.0
"""The NPU's parts of a function: which ops each segment holds, as MLIR and as the planner's graph.

A program alternates between host and NPU. Which segment an op belongs to follows from the devices of the ops and from what depends
on what: every op stands as early as it can, so that there are no more segments than the longest chain of changes of device asks for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch_mlir import ir

from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.errors import InternalError
from npuc.passes.base import layer_name
from npuc.plan.graph import Graph, Node

DEVICE_ATTRIBUTE = "npu.device"
SCHEDULE_ATTRIBUTE = "npu.schedule"

# what instructions read; they can write an i64 as two words
_KNOWN = frozenset({"i8", "i16", "i32", "ui8"})


def on_npu(op: ir.Operation) -> bool:
    """Whether an op of `npuc.ops` runs on the NPU: npu-partition's mark, or, without one, whether it could at all."""
    cls = spec_class(op)
    if cls is None:
        return False
    if DEVICE_ATTRIBUTE in op.attributes:
        return ir.StringAttr(op.attributes[DEVICE_ATTRIBUTE]).value == "npu"
    activations = (value for position, value in enumerate(op.operands) if position not in cls.param_operands)
    read, made = {tensor_type(value.type).dtype for value in activations}, tensor_type(op.results[0].type).dtype
    return not cls.host_only and read <= _KNOWN and made in _KNOWN | {"i64"}


@dataclass
class Segment:
    """The ops of one NPU segment and their graph.

    References into the IR: valid until the first rewrite.

    Attributes:
        ops: one for each node of `graph`, in order.
        values: value number -> the MLIR value of the untiled function.
        constants: numbers of activations that are constants.
    """

    graph: Graph
    ops: list[ir.Operation]
    values: dict[int, ir.Value]
    constants: frozenset[int]
    numbers: dict[ir.Value, int] = field(default_factory=dict)


def npu_ops(function: ir.Operation) -> Iterator[ir.Operation]:
    """The ops that run on the NPU, in program order."""
    for op in function.regions[0].blocks[0].operations:
        if on_npu(op.operation):
            yield op.operation


def drop_dead(function: ir.Operation) -> None:
    """Erase the NPU ops whose results nobody reads: they would have no place in a schedule."""
    for op in reversed(list(npu_ops(function))):
        if not list(op.results[0].uses):
            op.erase()


def is_constant(value: ir.Value) -> bool:
    """Whether an `npu.constant` made the value."""
    owner = value.owner
    return not isinstance(owner, ir.Block) and owner.name == "npu.constant"


def arrange(function: ir.Operation) -> list[list[ir.Operation]]:
    """Put the ops of `function` in the order in which they run; the ops of each NPU segment, in that order.

    Host ops that need no segment come first, then the first segment, then the host ops that need it and no other one, and so on.
    """
    levels = _levels(function)
    end = list(function.regions[0].blocks[0].operations)[-1]
    for op, _, _ in sorted(levels, key=lambda entry: entry[1:]):
        op.move_before(end.operation)
    return _grouped(levels)


def segments(function: ir.Operation) -> list[list[ir.Operation]]:
    """The ops of each NPU segment of `function`, in the order in which the segments run."""
    return _grouped(_levels(function))


def _levels(function: ir.Operation) -> list[tuple[ir.Operation, int, bool]]:
    """(op, level, on the NPU) in program order, the terminator left out.

    An NPU op of level k belongs to segment k; k segments run before a host op of level k.
    """
    level: dict[ir.Value, int] = {}
    made: set[ir.Value] = set()
    found = []
    for item in function.regions[0].blocks[0].operations:
        op = item.operation
        if op.name == "func.return":
            continue
        npu = on_npu(op)
        # the host has what a segment made when that segment has ended
        mine = max((level[value] + (value in made and not npu) for value in op.operands if value in level), default=0)
        level.update(dict.fromkeys(op.results, mine))
        if npu:
            made.update(op.results)
        found.append((op, mine, npu))
    return found


def _grouped(levels: list[tuple[ir.Operation, int, bool]]) -> list[list[ir.Operation]]:
    found: dict[int, list[ir.Operation]] = {}
    for op, level, npu in levels:
        if npu:
            found.setdefault(level, []).append(op)
    return [found[level] for level in sorted(found)]


def read_segment(function: ir.Operation) -> Segment:
    """The graph of the only NPU segment of `function`, an empty one where nothing runs on the NPU.

    Raises:
        InternalError: there are several.
    """
    found = segments(function)
    if len(found) > 1:
        raise InternalError("the function has more than one NPU segment", found=len(found), wanted="at most 1")
    return graph_of(found[0] if found else [])


def graph_of(ops: Sequence[ir.Operation], first: int = 0, *, edges_in_sram: bool = False) -> Segment:
    """The graph of the ops of one segment.

    Args:
        first: how many NPU ops the segments before it hold; it numbers ops without a layer.
        edges_in_sram: what comes from the host and goes back to it lies in SRAM: off-chip memory cannot be written.
    """
    numbers: dict[ir.Value, int] = {}

    def number(value: ir.Value) -> int:
        return numbers.setdefault(value, len(numbers))

    nodes, types, constants = [], {}, set()
    for index, op in enumerate(ops):
        spec = spec_of(op)
        inputs = tuple(number(value) for value in op.operands)
        output = number(op.results[0])
        types.update({inputs[i]: spec.inputs[i] for i in spec.activations})
        types[output] = spec.output
        constants |= {inputs[i] for i in spec.activations if is_constant(op.operands[i])}
        name = layer_name(op) or f"{spec.name}_{first + index}"
        nodes.append(Node(index, name, spec, inputs, output))
    made = {node.output for node in nodes}
    values = {index: value for value, index in numbers.items()}
    members = {op.results[0] for op in ops}
    outputs = tuple(node.output for node in nodes if any(not _inside(use.owner.operation, members) for use in values[node.output].uses))
    entering = (value for node in nodes for value in node.activations if value not in made and value not in constants)
    inputs = tuple(dict.fromkeys(entering))
    # constants are read from off-chip memory like any input; the graph's bound counts them through its nodes
    resident = frozenset((*inputs, *outputs)) if edges_in_sram else frozenset()
    graph = Graph(tuple(nodes), types, (*inputs, *sorted(constants)), outputs, resident=resident, constants=frozenset(constants))
    return Segment(graph, list(ops), values, frozenset(constants), numbers)


def _inside(op: ir.Operation, members: set[ir.Value]) -> bool:
    return len(op.results) == 1 and op.results[0] in members
