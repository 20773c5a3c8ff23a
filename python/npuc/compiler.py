# SPDX-License-Identifier: Apache-2.0
"""From a module that a front door delivered to a Program: the passes in order, then the bytes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch_mlir import ir

from npuc.dialects.attrs import TargetRef, from_attr, to_attr
from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import constant_array
from npuc.dialects.npu.ops.group import is_cast
from npuc.dialects.npu_cmd.ops.segment import SEGMENT, Segment, ports, read_segment_op
from npuc.errors import InternalError
from npuc.isa.base import Space
from npuc.isa.program import Edge, HostCall, HostSegment, Layer, NpuSegment, Port, Program, Tensor
from npuc.ops._plain import plain_params
from npuc.passes._segment import SCHEDULE_ATTRIBUTE
from npuc.passes.base import TARGET_ATTRIBUTE, Pass, functions, layer_name, uses
from npuc.passes.convert_npu_to_npu_cmd import DRAM_OFFSET_ATTRIBUTE
from npuc.passes.npu_drop_channels import CHANNELS_ATTRIBUTE, MACS_ATTRIBUTE
from npuc.passes.npu_partition import REASON_ATTRIBUTE, NpuPartition
from npuc.passes.npu_place_buffers import DRAM_ALIGN_BYTES, PLACEMENT_ATTRIBUTE
from npuc.passes.npu_schedule import NpuSchedule, segment_contents
from npuc.passes.pipeline import Checker, PassRun, leave_out, run_passes
from npuc.plan.options import DEFAULT_EFFORT
from npuc.targets.base import Target
from npuc.version import __version__

log = logging.getLogger("npuc")


def lower(
    module: ir.Module,
    target: Target,
    *,
    schedule: str | None = None,
    effort: int = DEFAULT_EFFORT,
    without: Sequence[str] = (),
    fallback: bool = True,
    force_host: Sequence[str] = (),
    validate: Checker | None = None,
    save_stages: Path | str | None = None,
    on_pass: Callable[[PassRun, ir.Module], None] | None = None,
) -> list[PassRun]:
    """Run the default passes for `target` over `module`, in place.

    Args:
        schedule: JSON file with a schedule to replay.
        effort: how many schedules the planner looks at, 0 to 3.
        without: techniques to leave out, by name: the planner's and the rewrites that are only worth cycles.
        fallback: an op that the NPU refuses runs on the host wherever it stands; without it, at the program's edges only.
        force_host: names of layers, or of ops, that run on the host although the NPU takes them.
        validate: asked after every pass that changed something.
        save_stages: folder that receives every stage.

    Raises:
        NpucError: see `run_passes`.
    """
    with module.context:
        module.operation.attributes[TARGET_ATTRIBUTE] = to_attr(TargetRef(target.name, target.sram.bytes))
    names, techniques = leave_out(without)
    chosen: dict[str, Pass] = {
        "npu-partition": NpuPartition(fallback=fallback, force_host=",".join(force_host)),
        "npu-schedule": NpuSchedule(file=schedule, effort=effort, without=",".join(techniques)),
    }
    passes = [chosen.get(name, name) for name in names]
    return run_passes(module, passes, validate=validate, save_stages=save_stages, on_pass=on_pass)


def schedule_content(module: ir.Module) -> dict[str, Any]:
    """The schedule of `main` as plain values, {} where there is none."""
    attributes = functions(module)[0].operation.attributes
    return dict(from_attr(attributes[SCHEDULE_ATTRIBUTE])) if SCHEDULE_ATTRIBUTE in attributes else {}


@dataclass
class _Encoder:
    """Turns `main` into tensors and segments, in program order."""

    target: Target
    tensors: list[Tensor] = field(default_factory=list)
    numbers: dict[ir.Value, int] = field(default_factory=dict)
    segments: list[HostSegment | NpuSegment] = field(default_factory=list)
    calls: list[HostCall] = field(default_factory=list)
    # what NPU segments made
    made: set[ir.Value] = field(default_factory=set)
    host_layers: list[Layer] = field(default_factory=list)
    lowered: list[Segment] = field(default_factory=list)
    # constants of a program that has no NPU segment to hold them
    constants: bytearray = field(default_factory=bytearray)

    def tensor(self, value: ir.Value, name: str, dram_offset: int = -1) -> int:
        kind = tensor_type(value.type)
        self.numbers[value] = len(self.tensors)
        self.tensors.append(Tensor(len(self.tensors), name, kind.dtype, kind.shape, dram_offset))
        return self.numbers[value]

    def uploaded(self, value: ir.Value, offset: int) -> None:
        """The tensor of `value` also lies in off-chip memory at `offset`."""
        number = self.numbers[value]
        old = self.tensors[number]
        if old.dram_offset not in (-1, offset):
            raise InternalError(f"tensor '{old.name}' lies at two places of off-chip memory", found=(old.dram_offset, offset), wanted="one")
        self.tensors[number] = Tensor(old.id, old.name, old.dtype, old.shape, offset)

    def flush(self) -> None:
        if self.calls:
            self.segments.append(HostSegment(tuple(self.calls)))
            self.calls = []

    def op(self, op: ir.Operation) -> None:
        if op.name == SEGMENT:
            self._npu(op)
        elif op.name == "npu.constant":
            self._constant(op)
        elif is_cast(op):
            # casts pack and unpack what goes into the segment and comes out of it
            return
        elif spec_class(op) is not None:
            self._host(op)
        else:
            raise InternalError(f"'{op.name}' cannot be encoded", layer=layer_name(op), wanted="host ops and npu_cmd.segment")

    def _constant(self, op: ir.Operation) -> None:
        """A constant that the host reads; others are part of what a segment brings with its commands."""
        if not list(op.results[0].uses):
            return
        if DRAM_OFFSET_ATTRIBUTE in op.attributes:
            offset = from_attr(op.attributes[DRAM_OFFSET_ATTRIBUTE])
        else:
            offset = -(-len(self.constants) // DRAM_ALIGN_BYTES) * DRAM_ALIGN_BYTES
            self.constants += bytes(offset - len(self.constants)) + constant_array(op).tobytes()
        self.tensor(op.results[0], f"constant_{len(self.tensors)}", offset)

    def _host(self, op: ir.Operation) -> None:
        spec = spec_of(op)
        if spec.is_view and self._reshaped(op):
            return
        inputs = [self.numbers[value] for value in op.operands]
        output = self.tensor(op.results[0], f"{layer_name(op) or spec.name}")
        params = plain_params(spec)
        reason = from_attr(op.attributes[REASON_ATTRIBUTE]) if REASON_ATTRIBUTE in op.attributes else ""
        self.calls.append(HostCall(spec.name, params, tuple(inputs), output, layer_name(op), reason))
        self.host_layers.append(Layer(layer_name(op) or spec.name, spec.name, spec.macs(), 0, "host", reason))

    def _reshaped(self, op: ir.Operation) -> bool:
        """Whether a view of what a segment made, for the host alone, is that tensor under another shape: nobody has to do anything."""
        source, result = op.operands[0], op.results[0]
        if source not in self.made or uses(source) != 1 or any(is_cast(use.owner.operation) for use in result.uses):
            return False
        number = self.numbers[source]
        self.tensors[number] = replace(self.tensors[number], shape=tensor_type(result.type).shape)
        self.numbers[result] = number
        self.made.add(result)
        return True

    def _npu(self, op: ir.Operation) -> None:
        self.flush()
        segment = read_segment_op(op)
        inputs, outputs = ports(op)
        through_sram = segment.edge_memory is Space.SRAM
        for value, offset in zip(inputs, segment.input_offsets, strict=True):
            if not through_sram:
                self.uploaded(value, offset)
        for value, offset in zip(outputs, segment.output_offsets, strict=True):
            self.tensor(value, f"npu_{len(self.tensors)}", -1 if through_sram else offset)
        self.made.update(outputs)
        self.lowered.append(segment)
        edges = [
            tuple(Edge(self.numbers[value], offset) for value, offset in zip(values, offsets, strict=True)) if through_sram else ()
            for values, offsets in ((inputs, segment.input_offsets), (outputs, segment.output_offsets))
        ]
        self.segments.append(NpuSegment(tuple(segment.commands), *edges))


def encode(
    module: ir.Module,
    target: Target,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
    metadata: dict[str, Any] | None = None,
) -> Program:
    """The program of a fully lowered module.

    Args:
        input_names, output_names: the model's own; `input_0`, … where there are none.
        metadata: plain values stored beside what is known here.

    Raises:
        InternalError: ops that no segment can hold.
    """
    function = functions(module)[0].operation
    block = function.regions[0].blocks[0]
    encoder = _Encoder(target)
    names = [*input_names, *(f"input_{i}" for i in range(len(input_names), len(block.arguments)))]
    inputs = tuple(Port(name, encoder.tensor(value, name)) for name, value in zip(names, block.arguments, strict=True))
    outputs: tuple[Port, ...] = ()
    for item in block.operations:
        op = item.operation
        if op.name == "func.return":
            encoder.flush()
            names = [*output_names, *(f"output_{i}" for i in range(len(output_names), len(op.operands)))]
            outputs = tuple(Port(name, encoder.numbers[value]) for name, value in zip(names, op.operands, strict=True))
        else:
            encoder.op(op)
    known = dict(metadata or {})
    layers: list[Layer] = []
    certificates: dict[str, Any] = {}
    if SCHEDULE_ATTRIBUTE in function.attributes:
        schedules = segment_contents(from_attr(function.attributes[SCHEDULE_ATTRIBUTE]))
        found = [layer for schedule in schedules for layer in schedule.get("layers", ())]
        layers = [Layer(layer["name"], layer["op"], layer["macs"], layer["array_cycles"], "npu", "") for layer in found]
        # segments run one after another; a schedule that was made by hand says nothing of the result, which is not 0
        for key in ("estimate_cycles", "network_bound_cycles", "compulsory_bytes", "array_cycles"):
            if all(key in schedule for schedule in schedules):
                known[key] = sum(schedule[key] for schedule in schedules)
        for key in ("estimate_cycles", "compulsory_bytes"):
            known[f"layer_{key}"] = tuple(layer.get(key, 0) for layer in found)
        known["groups"] = sum(len(schedule["groups"]) for schedule in schedules)
    if PLACEMENT_ATTRIBUTE in function.attributes:
        certificates["placement"] = from_attr(function.attributes[PLACEMENT_ATTRIBUTE])
    for attribute in (CHANNELS_ATTRIBUTE, MACS_ATTRIBUTE):
        if attribute in function.attributes:
            known[attribute.removeprefix("npu.")] = from_attr(function.attributes[attribute])
    layers += encoder.host_layers
    return Program(
        target=target,
        inputs=inputs,
        outputs=outputs,
        tensors=tuple(encoder.tensors),
        segments=tuple(encoder.segments),
        constants=encoder.lowered[0].constants if encoder.lowered else bytes(encoder.constants),
        dram_bytes=max((segment.dram_bytes for segment in encoder.lowered), default=len(encoder.constants)),
        sram_bytes=max((segment.sram_bytes for segment in encoder.lowered), default=0),
        layers=tuple(layers),
        certificates=certificates,
        metadata={"npuc": __version__, **known},
    )


