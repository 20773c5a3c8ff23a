# SPDX-License-Identifier: Apache-2.0
"""Rewrites the function's NPU ops into `npu.group` regions of tile-sized npu ops, as `npu.schedule` says.

A value's stripes are inserted into a tensor whose type carries `#npu.space<"sram", -1, ring rows, layout>` (not placed yet);
`npu.copy` moves between memories, and at the borders of a segment between the host and off-chip memory. Everything is still an
ordinary npu op on tensors and can be interpreted.
"""

from dataclasses import dataclass, field

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import tensor as tensor_dialect

from npuc.dialects.attrs import Placement, to_attr
from npuc.dialects.base import build, mlir_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.dialects.npu.ops.copy import build_copy
from npuc.dialects.npu.ops.group import build_group
from npuc.dialects.npu.ops.yield_ import build_yield
from npuc.errors import UserInputError
from npuc.ops.base import Region, TensorType, region_type
from npuc.passes._segment import Segment, arrange, graph_of
from npuc.passes.base import Pass, functions, target_of
from npuc.passes.npu_schedule import planned_graph, schedules_of
from npuc.plan.steps import Compute, Load, LoadParams, Part, Step, Steps, Store, View, channel_chunks, chunk_region, expand
from npuc.targets.base import Target

Key = tuple[str, int, int]

SCRATCH_BYTES_ATTRIBUTE = "npu.scratch_bytes"
# parameters that come from attributes alone have no operand: the copy that brings them and its readers carry one number
PARAMS_ATTRIBUTE = "npu.params"
# copies that follow one another and carry one number are one transfer
TRANSFER_ATTRIBUTE = "npu.transfer"


@dataclass(frozen=True)
class NpuTile(Pass):
    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        for function in functions(module):
            found = arrange(function.operation)
            if not found:
                continue
            schedules = schedules_of(function.operation)
            if len(schedules) != len(found):
                raise UserInputError("the schedule is not for this function", found=f"{len(schedules)} segments", wanted=len(found))
            for number, (ops, schedule) in enumerate(zip(found, schedules, strict=True)):
                # read now: what the segments before it made has become a copy back to the host
                segment = graph_of(ops, edges_in_sram=not target.dram.writable)
                graph = planned_graph(segment, target, schedule.bricks)
                steps = expand(graph, schedule, target)
                parts = [dict(zip(group.nodes, group.chunks, strict=True)) for group in schedule.groups]
                _Tiler(segment, graph.bricks, steps, target, {index: count for part in parts for index, count in part.items()}, number).run()


def _positions(steps: Steps) -> list[int]:
    """The group in whose region each step stands: a prefetched load stands with the compute behind it."""
    found = list(steps.group_of)
    for position in range(len(found) - 2, -1, -1):
        if isinstance(steps.steps[position], LoadParams):
            found[position] = found[position + 1]
    return found


def _held(value: int, buffer: int) -> Key:
    """The key of a value in a buffer, or, without one, off-chip."""
    return ("sram", value, buffer) if buffer >= 0 else ("dram", value, -1)


def _static(value: ir.Value, region: Region, result: ir.Type) -> ir.Value:
    starts, sizes = [start for start, _ in region], [size for _, size in region]
    return tensor_dialect.ExtractSliceOp(result, value, [], [], [], starts, sizes, [1] * len(region)).result


@dataclass
class _Tiler:
    """Builds the tiled form behind the untiled ops, then takes those away.

    Attributes:
        bricks: values that lie in bricks of channels.
        parts: node -> into how many parts its output channels are cut.
        number: of the segment.
        current: (kind, value, buffer) -> the SSA values that hold it now; kind is "sram", "dram" (buffer -1) or "params", where the value is
            the offset in the buffer.
    """

    segment: Segment
    bricks: frozenset[int]
    steps: Steps
    target: Target
    parts: dict[int, int]
    number: int = 0
    current: dict[Key, list[ir.Value]] = field(default_factory=dict)

    def run(self) -> None:
        graph, ops = self.segment.graph, self.segment.ops
        for number in graph.inputs:
            self.current["dram", number, -1] = [self.segment.values[number]]
        last = ops[-1]
        block = last.block
        behind = list(block.operations)
        after = behind[[op.operation for op in behind].index(last) + 1]
        regions = _positions(self.steps)
        keys = [self._keys(step) for step in self.steps.steps]
        final = {key: position for position, touched in enumerate(keys) for key in touched}
        edges = {number: self._edge(number) for number in (*graph.inputs, *graph.outputs)}
        final.update({edges[number]: len(keys) for number in graph.outputs})
        with ir.InsertionPoint(after), ops[0].location:
            for number in graph.inputs:
                if number not in self.segment.constants:
                    key = edges[number]
                    self.current[key] = build_copy(self.current["dram", number, -1], [self._type(graph.types[number], key[0])])
            position = 0
            while position < len(regions):
                stop = position
                while stop < len(regions) and regions[stop] == regions[position]:
                    stop += 1
                self._group(range(position, stop), regions[position], final)
                position = stop
            for number in graph.outputs:
                (host,) = build_copy(self.current[edges[number]], [mlir_type(graph.types[number])], loc=self._location(number))
                old = self.segment.values[number]
                copy = host.owner
                inside = {op.results[0] for op in ops}
                for use in list(old.uses):
                    user = use.owner.operation
                    if user != copy.operation and not (len(user.results) == 1 and user.results[0] in inside):
                        user.operands[use.operand_number] = host
        for op in reversed(ops):
            op.erase()

    def _edge(self, number: int) -> Key:
        """Where the host puts a value, or finds it."""
        resident = self.steps.resident
        return ("sram", number, resident[number]) if number in resident else ("dram", number, -1)

    def _keys(self, step: Step) -> list[Key]:
        """What the step reads or writes, as keys of `current`."""
        nodes = self.segment.graph.nodes
        match step:
            case Load() | Store():
                return [("dram", step.value, -1), ("sram", step.value, step.buffer)]
            case LoadParams():
                return [("params", part.offset_bytes, step.buffer) for part in step.parts]
            case View():
                return [("sram", value, step.buffer) for value in (*nodes[step.node].activations, nodes[step.node].output)]
            case Compute():
                node = nodes[step.node]
                found: list[Key] = [_held(value, buffer) for value, buffer in zip(node.activations, step.inputs, strict=True)]
                found.append(_held(node.output, step.output))
                return found + ([("params", step.params_offset, step.params)] if step.params >= 0 else [])

    def _group(self, positions: range, number: int, final: dict[Key, int]) -> None:
        """One region; values needed later leave it through its yield."""
        steps = [self.steps.steps[position] for position in positions]
        names = list(dict.fromkeys(self.segment.graph.nodes[step.node].name for step in steps if isinstance(step, Compute)))
        made = {key: types for step in steps for key, types in self._results(step)}
        leaving = [key for key in made if final.get(key, -1) >= positions.stop]
        block, results = build_group({"group": number, "layers": names, "segment": self.number}, [kind for key in leaving for kind in made[key]])
        with ir.InsertionPoint(block):
            for step in steps:
                self._step(step)
            build_yield([value for key in leaving for value in self.current[key]])
        for key in leaving:
            self.current[key], results = results[: len(made[key])], results[len(made[key]) :]

    def _results(self, step: Step) -> list[tuple[Key, list[ir.Type]]]:
        """What the step makes, as keys of `current`, and the types of the values under each."""
        graph = self.segment.graph
        match step:
            case Load():
                return [(("sram", step.value, step.buffer), [self._type(graph.types[step.value], "sram", self._ring_rows(step.buffer), step.value)])]
            case Store():
                return [(("dram", step.value, -1), [self._type(graph.types[step.value], "dram", value=step.value)])]
            case LoadParams():
                return [
                    (("params", part.offset_bytes, step.buffer), [self._type(piece, "sram") for piece in self._param_types(part)]) for part in step.parts
                ]
            case View():
                return [(("sram", graph.nodes[step.node].output, step.buffer), [self._type(graph.nodes[step.node].spec.output, "sram")])]
            case Compute():
                node = graph.nodes[step.node]
                kind = region_type(node.spec.output, step.region) if step.alone else node.spec.output
                key = _held(node.output, step.output)
                return [(key, [self._type(kind, key[0], self._ring_rows(step.output), node.output)])]

    def _param_regions(self, part: Part) -> tuple[Region, ...]:
        """For each operand of the node the part that the chunk reads."""
        node = self.segment.graph.nodes[part.node]
        if self.parts[part.node] == 1:
            return tuple(tensor.whole for tensor in node.spec.inputs)
        chunk = channel_chunks(node, self.parts[part.node], self.target)[part.chunk]
        return node.spec.tile(chunk_region(node.spec.output.whole, chunk)).regions

    def _param_types(self, part: Part) -> list[TensorType]:
        spec, regions = self.segment.graph.nodes[part.node].spec, self._param_regions(part)
        if not spec.param_operands:
            return [TensorType((spec.param_bytes(),), "i8")]
        return [region_type(spec.inputs[position], regions[position]) for position in spec.param_operands]

    def _ring_rows(self, buffer: int) -> int:
        return self.steps.buffers[buffer].ring_rows if buffer >= 0 else 0

    def _type(self, tensor: TensorType, memory: str, ring_rows: int = 0, value: int = -1) -> ir.Type:
        """The type of `tensor`, which is `value` or a part of it, not placed yet."""
        return mlir_type(tensor, self._space(memory, ring_rows, value))

    def _space(self, memory: str, ring_rows: int, value: int) -> ir.Attribute:
        return to_attr(Placement(memory, -1, ring_rows, "bricks" if value in self.bricks else "nhwc"))

    def _insert(self, key: Key, tensor: TensorType, ring_rows: int, region: Region, value: ir.Value) -> None:
        """`value` becomes `region` of the tensor under `key`, an empty one at first; the whole tensor where the region is everything."""
        if region == tensor.whole:
            self.current[key] = [value]
            return
        if key not in self.current:
            encoding = self._space(key[0], ring_rows, key[1])
            empty = tensor_dialect.EmptyOp(list(tensor.shape), mlir_type(tensor).element_type, encoding=encoding)
            self.current[key] = [empty.result]
        starts, sizes = [start for start, _ in region], [size for _, size in region]
        insert = tensor_dialect.InsertSliceOp(value, self.current[key][0], [], [], [], starts, sizes, [1] * len(region))
        self.current[key] = [insert.result]

    def _cut(self, value: ir.Value, tensor: TensorType, region: Region) -> ir.Value:
        if region == tensor.whole:
            return value
        encoding = value.type.encoding
        return _static(value, region, mlir_type(region_type(tensor, region), encoding))

    def _step(self, step: Step) -> None:
        graph = self.segment.graph
        match step:
            case Load() | Store():
                tensor = graph.types[step.value]
                region = step.region
                outer: Key = ("dram", step.value, -1)
                inner: Key = ("sram", step.value, step.buffer)
                source, into = (outer, inner) if isinstance(step, Load) else (inner, outer)
                ring = self.steps.buffers[step.buffer].ring_rows if into is inner else 0
                held = self.current[source][0]
                piece = held if isinstance(step, Store) and step.alone else self._cut(held, tensor, region)
                (moved,) = build_copy([piece], [self._type(region_type(tensor, region), into[0], ring, step.value)], loc=self._location(step.value))
                self._insert(into, tensor, ring, region, moved)
            case LoadParams():
                self._load_params(step)
            case View():
                node = graph.nodes[step.node]
                kind = self._type(node.spec.output, "sram")
                operand = self.current["sram", node.activations[0], step.buffer][0]
                value = build(node.spec, [operand], result_type=kind, loc=self.segment.ops[step.node].location)
                self.current["sram", node.output, step.buffer] = [value]
            case Compute():
                self._compute(step)

    def _location(self, value: int) -> ir.Location | None:
        producer = self.segment.graph.producer.get(value)
        if producer is None:
            producer = self.segment.graph.consumers[value][0]
        return self.segment.ops[producer].location

    def _load_params(self, step: LoadParams) -> None:
        """One copy a part; the copies of one transfer carry its number."""
        for part in step.parts:
            op, spec, regions = self.segment.ops[part.node], self.segment.graph.nodes[part.node].spec, self._param_regions(part)
            pieces = [self._cut(op.operands[position], spec.inputs[position], regions[position]) for position in spec.param_operands]
            kinds = [self._type(piece, "sram") for piece in self._param_types(part)]
            if not pieces:
                pieces = [build_constant(np.frombuffer(spec.pack_params(), np.int8), loc=op.location)]
            copies = build_copy(pieces, kinds, loc=op.location)
            self.current["params", part.offset_bytes, step.buffer] = copies
            if not spec.param_operands:
                copies[0].owner.attributes[PARAMS_ATTRIBUTE] = to_attr(step.buffer)
            if len(step.parts) > 1:
                copies[0].owner.attributes[TRANSFER_ATTRIBUTE] = to_attr(step.buffer)

    def _compute(self, step: Compute) -> None:
        node = self.segment.graph.nodes[step.node]
        # also where the region is everything: a tile reads no more than it needs
        tile = node.spec.tile(step.region)
        spec, regions = tile.spec, tile.regions
        operands: list[ir.Value] = []
        params = list(self.current["params", step.params_offset, step.params]) if step.params >= 0 else []
        if step.direct:
            whole = self.segment.ops[step.node].operands
            params = [self._cut(whole[position], node.spec.inputs[position], regions[position]) for position in spec.param_operands]
        buffers = list(step.inputs)
        for position, value in enumerate(node.inputs):
            if position in node.spec.param_operands:
                operands.append(params.pop(0))
            else:
                held = self.current[_held(value, buffers.pop(0))][0]
                operands.append(self._cut(held, node.spec.inputs[position], regions[position]))
        ring = self._ring_rows(step.output)
        key = _held(node.output, step.output)
        result = build(spec, operands, result_type=self._type(spec.output, key[0], ring, node.output), loc=self.segment.ops[step.node].location)
        if step.scratch >= 0:
            result.owner.attributes[SCRATCH_BYTES_ATTRIBUTE] = to_attr(spec.scratch_bytes(self.target))
        if params:
            result.owner.attributes[PARAMS_ATTRIBUTE] = to_attr(step.params)
        if step.alone:
            self.current[key] = [result]
        else:
            self._insert(key, node.spec.output, ring, step.region, result)
