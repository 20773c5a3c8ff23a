# SPDX-License-Identifier: Apache-2.0
"""From a module that a front door delivered to a Program: the passes in order, then the bytes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch_mlir import ir

from npuc.dialects.attrs import TargetRef, from_attr, to_attr
from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.group import is_cast
from npuc.dialects.npu_cmd.ops.segment import SEGMENT, Segment, ports, read_segment_op
from npuc.errors import InternalError
from npuc.isa.program import HostCall, HostSegment, Layer, NpuSegment, Port, Program, Tensor
from npuc.ops._plain import plain_params
from npuc.passes._segment import SCHEDULE_ATTRIBUTE
from npuc.passes.base import TARGET_ATTRIBUTE, functions, layer_name
from npuc.passes.npu_partition import REASON_ATTRIBUTE
from npuc.passes.npu_place_buffers import PLACEMENT_ATTRIBUTE
from npuc.passes.npu_schedule import NpuSchedule
from npuc.passes.pipeline import DEFAULT, Checker, PassRun, run_passes
from npuc.targets.base import Target
from npuc.version import __version__

log = logging.getLogger("npuc")


def lower(
    module: ir.Module,
    target: Target,
    *,
    schedule: str | None = None,
    validate: Checker | None = None,
    save_stages: Path | str | None = None,
    on_pass: Callable[[PassRun, ir.Module], None] | None = None,
) -> list[PassRun]:
    """Run the default passes for `target` over `module`, in place.

    Args:
        schedule: JSON file with a schedule to replay.
        validate: asked after every pass that changed something.
        save_stages: folder that receives every stage.

    Raises:
        NpucError: see `run_passes`.
    """
    with module.context:
        module.operation.attributes[TARGET_ATTRIBUTE] = to_attr(TargetRef(target.name, target.sram.bytes))
    passes = [NpuSchedule(file=schedule) if name == "npu-schedule" else name for name in DEFAULT]
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
    segment: Segment | None = None

    def tensor(self, value: ir.Value, name: str, dram_offset: int = -1) -> int:
        kind = tensor_type(value.type)
        self.numbers[value] = len(self.tensors)
        self.tensors.append(Tensor(len(self.tensors), name, kind.dtype, kind.shape, dram_offset))
        return self.numbers[value]

    def uploaded(self, value: ir.Value, offset: int) -> None:
        """The tensor of `value` also lies in off-chip memory at `offset`."""
        number = self.numbers[value]
        old = self.tensors[number]
        self.tensors[number] = Tensor(old.id, old.name, old.dtype, old.shape, offset)

    def flush(self) -> None:
        if self.calls:
            self.segments.append(HostSegment(tuple(self.calls)))
            self.calls = []

    def op(self, op: ir.Operation) -> None:
        if op.name == SEGMENT:
            self._npu(op)
        elif op.name == "npu.constant" or is_cast(op):
            # casts pack and unpack what goes into the segment and comes out of it
            return
        elif spec_class(op) is not None:
            self._host(op)
        else:
            raise InternalError(f"'{op.name}' cannot be encoded", layer=layer_name(op), wanted="host ops and npu_cmd.segment")

    def _host(self, op: ir.Operation) -> None:
        spec = spec_of(op)
        inputs = []
        for value in op.operands:
            if value not in self.numbers:
                raise InternalError(f"host op '{op.name}' reads a constant", layer=layer_name(op), advice="fold it or run the op on the NPU")
            inputs.append(self.numbers[value])
        output = self.tensor(op.results[0], f"{layer_name(op) or spec.name}")
        params = plain_params(spec)
        reason = from_attr(op.attributes[REASON_ATTRIBUTE]) if REASON_ATTRIBUTE in op.attributes else ""
        self.calls.append(HostCall(spec.name, params, tuple(inputs), output, layer_name(op), reason))

    def _npu(self, op: ir.Operation) -> None:
        if self.segment is not None:
            raise InternalError("a program has more than one NPU segment", wanted="one")
        self.flush()
        segment = read_segment_op(op)
        inputs, outputs = ports(op)
        for value, offset in zip(inputs, segment.input_offsets, strict=True):
            self.uploaded(value, offset)
        for value, offset in zip(outputs, segment.output_offsets, strict=True):
            self.tensor(value, f"npu_{len(self.tensors)}", offset)
        self.segment = segment
        self.segments.append(NpuSegment(tuple(segment.commands)))


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
    segment = encoder.segment
    known = dict(metadata or {})
    layers: list[Layer] = []
    certificates: dict[str, Any] = {}
    if SCHEDULE_ATTRIBUTE in function.attributes:
        schedule = from_attr(function.attributes[SCHEDULE_ATTRIBUTE])
        layers = [Layer(layer["name"], layer["op"], layer["macs"], layer["array_cycles"], "npu", "") for layer in schedule["layers"]]
        known |= {key: schedule[key] for key in ("estimate_cycles", "network_bound_cycles", "compulsory_bytes", "array_cycles")}
        known["groups"] = len(schedule["groups"])
    if PLACEMENT_ATTRIBUTE in function.attributes:
        certificates["placement"] = from_attr(function.attributes[PLACEMENT_ATTRIBUTE])
    layers += [
        Layer(call.location or call.op, call.op, 0, 0, "host", call.reason) for one in encoder.segments if isinstance(one, HostSegment) for call in one.calls
    ]
    return Program(
        target=target,
        inputs=inputs,
        outputs=outputs,
        tensors=tuple(encoder.tensors),
        segments=tuple(encoder.segments),
        constants=segment.constants if segment else b"",
        dram_bytes=segment.dram_bytes if segment else 0,
        sram_bytes=segment.sram_bytes if segment else 0,
        layers=tuple(layers),
        certificates=certificates,
        metadata={"npuc": __version__, **known},
    )


