# SPDX-License-Identifier: Apache-2.0
"""The NPU's part of a function: which ops it holds, as MLIR and as the planner's graph."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch_mlir import ir

from npuc.dialects.base import spec_class, spec_of
from npuc.errors import InternalError
from npuc.passes.base import layer_name
from npuc.plan.graph import Graph, Node

DEVICE_ATTRIBUTE = "npu.device"
SCHEDULE_ATTRIBUTE = "npu.schedule"


def on_npu(op: ir.Operation) -> bool:
    """Whether an op of `npuc.ops` runs on the NPU: npu-partition's mark, or, without one, whether it could at all."""
    if spec_class(op) is None:
        return False
    if DEVICE_ATTRIBUTE in op.attributes:
        return ir.StringAttr(op.attributes[DEVICE_ATTRIBUTE]).value == "npu"
    spec = spec_of(op)
    return not spec.host_only and all(tensor.dtype in ("i8", "i16", "i32") for tensor in (*spec.inputs, spec.output))


@dataclass
class Segment:
    """The NPU ops of a function and their graph.

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


def read_segment(function: ir.Operation) -> Segment:
    """The graph of the NPU ops of `function`.

    Raises:
        InternalError: host ops stand between NPU ops.
    """
    ops = list(npu_ops(function))
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
        name = layer_name(op) or f"{spec.name}_{index}"
        nodes.append(Node(index, name, spec, inputs, output))
    made = {node.output for node in nodes}
    values = {index: value for value, index in numbers.items()}
    members = {op.results[0] for op in ops}
    outputs = tuple(node.output for node in nodes if any(not _inside(use.owner.operation, members) for use in values[node.output].uses))
    entering = (value for node in nodes for value in node.activations if value not in made and value not in constants)
    inputs = tuple(dict.fromkeys(entering))
    for value in inputs:
        _check_outside(values[value], members)
    # constants are read from off-chip memory like any input; the graph's bound counts them through its nodes
    graph = Graph(tuple(nodes), types, (*inputs, *sorted(constants)), outputs)
    return Segment(graph, ops, values, frozenset(constants), numbers)


def _inside(op: ir.Operation, members: set[ir.Value]) -> bool:
    return len(op.results) == 1 and op.results[0] in members


def _check_outside(value: ir.Value, members: set[ir.Value]) -> None:
    """No host op may depend on the NPU and feed it again: this stage knows one segment."""
    pending, seen = [value], set()
    while pending:
        current = pending.pop()
        if current in members:
            raise InternalError("a host op stands between NPU ops", found=str(value)[:120], wanted="host ops at the program's edges only")
        owner = current.owner
        if isinstance(owner, ir.Block) or current in seen:
            continue
        seen.add(current)
        pending.extend(owner.operands)
