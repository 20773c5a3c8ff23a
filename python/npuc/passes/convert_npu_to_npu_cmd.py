# SPDX-License-Identifier: Apache-2.0
"""Lowers placed groups to one `npu_cmd.segment` of instructions.

Each tile emits its commands (`npuc.ops`), each copy becomes a DMA transfer, packed parameters and constant feature maps
become the segment's constants, and the queues are ordered by semaphores where bytes conflict (`npuc.plan.commands`).
Host ops stay as they are; the segment takes the tensors they made and returns those they read.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from torch_mlir import ir

from npuc.dialects.attrs import from_attr
from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import constant_array
from npuc.dialects.npu_cmd.ops.segment import Segment, build_segment
from npuc.errors import InternalError
from npuc.isa.base import Command, Operand, Space
from npuc.ops.base import Region, cut
from npuc.passes._segment import on_npu
from npuc.passes.base import Pass, functions, layer_name, target_of
from npuc.passes.npu_place_buffers import (
    DRAM_ALIGN_BYTES,
    PARAMS_OFFSET_ATTRIBUTE,
    PLACEMENT_ATTRIBUTE,
    SCRATCH_ATTRIBUTE,
    consumer_spec,
    insertion,
    is_params,
    space_of,
)
from npuc.plan.commands import Location, blob, compute_commands, copy_command, synchronize, view
from npuc.plan.graph import rows
from npuc.targets.base import Target


@dataclass(frozen=True)
class ConvertNpuToNpuCmd(Pass):
    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        for function in functions(module):
            if PLACEMENT_ATTRIBUTE not in function.operation.attributes:
                continue
            placement = from_attr(function.operation.attributes[PLACEMENT_ATTRIBUTE])
            block = function.operation.regions[0].blocks[0]
            lowering = _Lowering(target)
            lowering.gather_constants(block)
            lowering.block(block)
            lowering.replace(lowering.dram_base + placement["dram_bytes"], placement["peak_sram_bytes"])


@dataclass
class _Lowering:
    """Collects commands, constants, uploads and downloads of one function.

    Attributes:
        constants: image of off-chip memory from address 0 on; tensors follow at `dram_base`.
        homes: off-chip addresses of the constants that the copies bring, in program order.
        uploads, downloads: the copies from and to the host, with the off-chip offset of the tensor.
    """

    target: Target
    dram_base: int = 0
    homes: deque[tuple[int, int]] = field(default_factory=deque)
    commands: list[Command] = field(default_factory=list)
    constants: bytearray = field(default_factory=bytearray)
    known: dict[bytes, int] = field(default_factory=dict)
    uploads: list[tuple[ir.Operation, int]] = field(default_factory=list)
    downloads: list[tuple[ir.Operation, int]] = field(default_factory=list)
    lowered: list[ir.Operation] = field(default_factory=list)

    def gather_constants(self, block: ir.Block) -> None:
        """Lay out what copies bring from constants; equal constants are stored once."""
        for op in _copies(block):
            if _constant(op.operands[0]) is None:
                continue
            pieces = []
            for value in op.operands:
                found = _constant(value)
                if found is None:
                    raise InternalError("a parameter is no constant", layer=layer_name(op), found=str(value)[:120])
                array, region = found
                pieces.append(np.ascontiguousarray(cut(array, region)))
            data = consumer_spec(op).pack_params(*pieces) if is_params(op) else pieces[0].tobytes()
            self.homes.append((self._constant_offset(data), len(data)))
        self.dram_base = _aligned(len(self.constants))

    def _constant_offset(self, data: bytes) -> int:
        if data not in self.known:
            self.constants += bytes(_aligned(len(self.constants)) - len(self.constants))
            self.known[data] = len(self.constants)
            self.constants += data
        return self.known[data]

    def block(self, block: ir.Block) -> None:
        """Emit the commands of all copies and tiles, in program order."""
        for item in block.operations:
            op = item.operation
            if op.name == "npu.group":
                self.block(op.regions[0].blocks[0])
                self.lowered.append(op)
            elif op.name == "npu.copy":
                self._copy(op)
            elif spec_class(op) is not None and on_npu(op) and space_of(op.results[0]) is not None:
                self._tile(op)

    def _copy(self, op: ir.Operation) -> None:
        into, source = space_of(op.results[0]), space_of(op.operands[0])
        location = layer_name(op)
        if into is None:
            assert source is not None
            self.downloads.append((op, self.dram_base + source.offset))
        elif _constant(op.operands[0]) is not None:
            offset, size = self.homes.popleft()
            outer = blob(Location(Space.DRAM, offset), size)
            if is_params(op):
                self.commands.append(copy_command(outer, blob(Location(Space.SRAM, into.offset), size), "params", self.target, location))
            else:
                outer = view(tensor_type(op.operands[0].type), Location(Space.DRAM, offset))
                self.commands.append(copy_command(outer, self._result(op.results[0]), "load", self.target, location))
        elif source is None:
            self.uploads.append((op, self.dram_base + into.offset))
        else:
            kind = "load" if into.memory == "sram" else "store"
            self.commands.append(copy_command(self._operand(op.operands[0]), self._result(op.results[0]), kind, self.target, location))

    def _tile(self, op: ir.Operation) -> None:
        spec = spec_of(op)
        if spec.is_view:
            return
        inputs = [self._operand(op.operands[i]) for i in spec.activations]
        params = scratch = Operand.absent()
        if spec.param_operands:
            place = space_of(op.operands[spec.param_operands[0]])
            if place is None:
                raise InternalError("a tile's parameters lie in no memory", layer=layer_name(op), found=str(op)[:200])
            params = blob(Location(Space.SRAM, place.offset), spec.param_bytes())
        elif PARAMS_OFFSET_ATTRIBUTE in op.attributes:
            params = blob(Location(Space.SRAM, from_attr(op.attributes[PARAMS_OFFSET_ATTRIBUTE])), spec.param_bytes())
        if SCRATCH_ATTRIBUTE in op.attributes:
            scratch = blob(Location(Space.SRAM, from_attr(op.attributes[SCRATCH_ATTRIBUTE])), spec.scratch_bytes(self.target))
        self.commands += compute_commands(spec, inputs, self._result(op.results[0]), params, scratch, self.target, layer_name(op))

    def _operand(self, value: ir.Value) -> Operand:
        """The bytes that a tile's operand reads."""
        base = _base(value)
        return self._view(base, None if base == value else _region(value.owner.operation))

    def _result(self, value: ir.Value) -> Operand:
        """The bytes that a tile's result is written to."""
        inserted = insertion(value)
        if inserted is None:
            return self._view(value, None)
        return self._view(inserted.results[0], _region(inserted))

    def _view(self, whole: ir.Value, region: Region | None) -> Operand:
        kind, place = tensor_type(whole.type), space_of(whole)
        if place is None or place.offset < 0:
            raise InternalError("a tensor lies in no memory", found=str(whole)[:200], wanted="a placed tensor")
        ring = place.rows if place.rows and place.rows < rows(kind) else 0
        offset = place.offset if place.memory == "sram" else self.dram_base + place.offset
        return view(kind, Location(Space[place.memory.upper()], offset, ring), region)

    def replace(self, dram_bytes: int, sram_bytes: int) -> None:
        """Put the segment where the first group stood and take the tiled form away."""
        commands = synchronize(self.commands, self.target)
        anchor = self.lowered[0] if self.lowered else self.downloads[0][0]
        results = [op.results[0].type for op, _ in self.downloads]
        with ir.InsertionPoint(anchor), anchor.location:
            segment = Segment(
                tuple(commands),
                bytes(self.constants),
                tuple(offset for _, offset in self.uploads),
                tuple(offset for _, offset in self.downloads),
                dram_bytes,
                sram_bytes,
            )
            values = build_segment(segment, [op.operands[0] for op, _ in self.uploads], results)
        for (op, _), value in zip(self.downloads, values, strict=True):
            op.results[0].replace_all_uses_with(value)
            op.erase()
        for op in reversed(self.lowered):
            for use in list(op.results[0].uses):
                use.owner.erase()
            op.erase()
        for op, _ in self.uploads:
            op.erase()


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // DRAM_ALIGN_BYTES) * DRAM_ALIGN_BYTES


def _copies(block: ir.Block) -> Iterator[ir.Operation]:
    """Every npu.copy of a block and of the groups in it, in program order."""
    for item in block.operations:
        op = item.operation
        if op.name == "npu.copy":
            yield op
        elif op.name == "npu.group":
            yield from _copies(op.regions[0].blocks[0])


def _base(value: ir.Value) -> ir.Value:
    """The tensor that `value` is a slice of, or itself."""
    owner = value.owner
    if not isinstance(owner, ir.Block) and owner.name == "tensor.extract_slice":
        return owner.operation.operands[0]
    return value


def _region(op: ir.Operation) -> Region:
    """Offsets and sizes of an extract_slice or insert_slice."""
    starts = ir.DenseI64ArrayAttr(op.attributes["static_offsets"])
    sizes = ir.DenseI64ArrayAttr(op.attributes["static_sizes"])
    return tuple(zip(starts, sizes, strict=True))


def _constant(value: ir.Value) -> tuple[np.ndarray, Region] | None:
    """(whole array, region) where `value` is an npu.constant or a slice of one."""
    base = _base(value)
    owner = base.owner
    if isinstance(owner, ir.Block) or owner.name != "npu.constant":
        return None
    array = constant_array(owner.operation)
    region = tuple((0, extent) for extent in array.shape) if base == value else _region(value.owner.operation)
    return array, region
