# SPDX-License-Identifier: Apache-2.0
"""Lowers the placed groups of each NPU segment to one `npu_cmd.segment` of instructions.

Each tile emits its commands (`npuc.ops`), each copy becomes a DMA transfer, packed parameters and constant feature maps
become the segment's constants, and the queues are ordered by semaphores where bytes conflict (`npuc.plan.synchronize`).
Host ops stay as they are; a segment takes the tensors they made and returns those they read. All segments share one image of
constants; those that host ops read lie in it too, and `npu.dram_offset` on such a constant says where.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from torch_mlir import ir

from npuc.dialects.attrs import Placement, from_attr, to_attr
from npuc.dialects.base import spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import constant_array
from npuc.dialects.npu_cmd.ops.segment import Segment, build_segment
from npuc.errors import InternalError
from npuc.isa.base import Command, Operand, Space
from npuc.ops.base import Region
from npuc.passes._segment import on_npu
from npuc.passes.base import Pass, functions, layer_name, target_of
from npuc.passes.npu_place_buffers import (
    DRAM_ALIGN_BYTES,
    PARAMS_OFFSET_ATTRIBUTE,
    PLACEMENT_ATTRIBUTE,
    SCRATCH_ATTRIBUTE,
    base_of,
    constant_part,
    constant_region,
    insertion,
    is_params,
    param_arrays,
    param_spec,
    refuse_untiled,
    region_of,
    space_of,
    transfer_of,
)
from npuc.passes.npu_tile import PARAMS_ATTRIBUTE
from npuc.plan.commands import Location, blob, compute_commands, copy_command, view
from npuc.plan.graph import rows
from npuc.plan.steps import beside
from npuc.plan.synchronize import synchronize
from npuc.targets.base import Target

# on an npu.constant: where it lies for the host ops that read it
DRAM_OFFSET_ATTRIBUTE = "npu.dram_offset"


@dataclass(frozen=True)
class ConvertNpuToNpuCmd(Pass):
    # its ops are made from commands whose fields are checked, and encoding checks each field again
    needs_verifier: ClassVar[bool] = False

    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        for function in functions(module):
            if PLACEMENT_ATTRIBUTE not in function.operation.attributes:
                refuse_untiled(function.operation, "npu-place-buffers")
                continue
            placement = from_attr(function.operation.attributes[PLACEMENT_ATTRIBUTE])
            block = function.operation.regions[0].blocks[0]
            parts = _parts(block)
            peaks = [one["peak_sram_bytes"] for one in placement.get("segments", [placement])]
            image = _Image(target)
            image.gather(block)
            for part, peak_bytes in zip(parts, peaks, strict=True):
                lowering = _Lowering(target, image)
                lowering.lower(part)
                lowering.replace(image.dram_base + placement["dram_bytes"], peak_bytes)


def _parts(block: ir.Block) -> list[list[ir.Operation]]:
    """The copies and groups of each NPU segment, in order: copies from the host, groups, copies back to it."""
    found: list[list[ir.Operation]] = []
    ended = True
    for item in block.operations:
        op = item.operation
        if op.name not in ("npu.group", "npu.copy"):
            continue
        back = op.name == "npu.copy" and space_of(op.results[0]) is None
        if ended and not back:
            found.append([])
        ended = back
        found[-1].append(op)
    return found


def _on_host(op: ir.Operation) -> bool:
    """Whether an op of a lowered function reads its operands on the host."""
    return op.name == "func.return" or (spec_class(op) is not None and space_of(op.results[0]) is None)


@dataclass
class _Image:
    """Off-chip memory from address 0 on: what copies bring from constants, and the constants that host ops read.

    Attributes:
        target: decides how parameters are packed.
        data: the bytes; tensors follow at `dram_base`.
        homes: address and size of each part of what the copies bring, and of parameters that a tile reads there, in program order.
    """

    target: Target
    data: bytearray = field(default_factory=bytearray)
    dram_base: int = 0
    homes: deque[tuple[int, list[int]]] = field(default_factory=deque)
    known: dict[bytes, int] = field(default_factory=dict)

    def gather(self, block: ir.Block) -> None:
        """Lay the constants out; equal ones are stored once."""
        for _, ops in itertools.groupby(enumerate(_movers(block)), _transfer):
            parts = [data for _, op in ops for data in self._brought(op)]
            if parts:
                # what one transfer brings lies together, as it will in SRAM
                data = b"".join(part + bytes(beside(len(part), self.target) - len(part)) for part in parts[:-1]) + parts[-1]
                self.homes.append((self._offset(data), [len(part) for part in parts]))
        for item in block.operations:
            op = item.operation
            if op.name == "npu.constant" and any(_on_host(use.owner.operation) for use in op.results[0].uses):
                op.attributes[DRAM_OFFSET_ATTRIBUTE] = to_attr(self._offset(constant_array(op).tobytes()))
        self.dram_base = _aligned(len(self.data))

    def _brought(self, op: ir.Operation) -> Iterator[bytes]:
        """The constant that a copy or a tile reads off-chip, if any."""
        cls = spec_class(op) if op.name != "npu.copy" else None
        operands = list(op.operands) if cls is None else [op.operands[position] for position in cls.param_operands]
        if not operands or constant_region(operands[0]) is None:
            return
        if cls is None and is_params(op):
            yield param_spec(op).pack_for(self.target, *param_arrays(op))
            return
        arrays = [constant_part(value, layer_name(op)) for value in operands]
        yield arrays[0].tobytes() if cls is None else spec_of(op).pack_for(self.target, *arrays)

    def _offset(self, data: bytes) -> int:
        if data not in self.known:
            self.data += bytes(_aligned(len(self.data)) - len(self.data))
            self.known[data] = len(self.data)
            self.data += data
        return self.known[data]


@dataclass
class _Lowering:
    """Collects commands, uploads and downloads of one segment.

    Attributes:
        uploads, downloads: the copies from and to the host, with the off-chip offset of the tensor.
        packed: bytes of the parameters that were last brought to an SRAM offset: machines that decode weights take fewer.
        transfer: number of the transfer that brought parameters last.
    """

    target: Target
    image: _Image
    commands: list[Command] = field(default_factory=list)
    uploads: list[tuple[ir.Operation, int]] = field(default_factory=list)
    downloads: list[tuple[ir.Operation, int]] = field(default_factory=list)
    lowered: list[ir.Operation] = field(default_factory=list)
    packed: dict[int, int] = field(default_factory=dict)
    transfer: int | None = None

    def lower(self, ops: Iterable[ir.Operation]) -> None:
        """Emit the commands of all copies and tiles, in program order."""
        for op in ops:
            if op.name == "npu.group":
                self.lower([item.operation for item in op.regions[0].blocks[0].operations])
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
            self.downloads.append((op, self._address(source)))
        elif constant_region(op.operands[0]) is not None:
            joined = transfer_of(op)
            if joined is not None and joined == self.transfer:
                return
            self.transfer = joined
            offset, sizes = self.image.homes.popleft()
            if is_params(op):
                top = end = into.offset
                for size in sizes:
                    self.packed[top] = size
                    top, end = top + beside(size, self.target), top + size
                outer = blob(Location(Space.DRAM, offset), end - into.offset)
                inner = blob(Location(Space.SRAM, into.offset), end - into.offset)
                self.commands.append(copy_command(outer, inner, "params", self.target, location))
            else:
                outer = view(tensor_type(op.operands[0].type), Location(Space.DRAM, offset))
                # what the machine itself brings along for an op, as the table of a softmax, travels like other parameters
                kind = "params" if PARAMS_ATTRIBUTE in op.attributes else "load"
                self.commands.append(copy_command(outer, self._result(op.results[0]), kind, self.target, location))
        elif source is None:
            self.uploads.append((op, self._address(into)))
        else:
            kind = "load" if into.memory == "sram" else "store"
            self.commands.append(copy_command(self._operand(op.operands[0]), self._result(op.results[0]), kind, self.target, location))

    def _address(self, place: Placement) -> int:
        """Of a tensor in the memory that its type names."""
        return place.offset if place.memory == "sram" else self.image.dram_base + place.offset

    def _tile(self, op: ir.Operation) -> None:
        spec = spec_of(op)
        places = [space_of(value) for value in (*(op.operands[i] for i in spec.activations), op.results[0])]
        if not spec.takes_bricks and any(place is not None and place.layout == "bricks" for place in places):
            raise InternalError("an op has feature maps in bricks of channels, which it does not take", layer=layer_name(op), found=str(op)[:200])
        if spec.is_view:
            return
        inputs = [self._operand(op.operands[i]) for i in spec.activations]
        params = scratch = Operand.absent()
        if spec.param_operands:
            place = space_of(op.operands[spec.param_operands[0]])
            if place is not None:
                params = blob(Location(Space.SRAM, place.offset), self.packed[place.offset])
            elif constant_region(op.operands[spec.param_operands[0]]) is not None:
                offset, (size,) = self.image.homes.popleft()
                params = blob(Location(Space.DRAM, offset), size)
            else:
                raise InternalError("a tile's parameters lie in no memory", layer=layer_name(op), found=str(op)[:200])
        elif PARAMS_OFFSET_ATTRIBUTE in op.attributes:
            params = blob(Location(Space.SRAM, from_attr(op.attributes[PARAMS_OFFSET_ATTRIBUTE])), spec.param_bytes())
        if SCRATCH_ATTRIBUTE in op.attributes:
            scratch = blob(Location(Space.SRAM, from_attr(op.attributes[SCRATCH_ATTRIBUTE])), spec.scratch_bytes(self.target))
        self.commands += compute_commands(spec, inputs, self._result(op.results[0]), params, scratch, self.target, layer_name(op))

    def _operand(self, value: ir.Value) -> Operand:
        """The bytes that a tile's operand reads."""
        base = base_of(value)
        return self._view(base, None if base == value else region_of(value.owner.operation))

    def _result(self, value: ir.Value) -> Operand:
        """The bytes that a tile's result is written to."""
        inserted = insertion(value)
        if inserted is None:
            return self._view(value, None)
        return self._view(inserted.results[0], region_of(inserted))

    def _view(self, whole: ir.Value, region: Region | None) -> Operand:
        kind, place = tensor_type(whole.type), space_of(whole)
        if place is None or place.offset < 0:
            raise InternalError("a tensor lies in no memory", found=str(whole)[:200], wanted="a placed tensor")
        ring = place.rows if place.rows and place.rows < rows(kind) else 0
        return view(kind, Location(Space[place.memory.upper()], self._address(place), ring), region, place.layout == "bricks")

    def replace(self, dram_bytes: int, sram_bytes: int) -> None:
        """Put the segment where the first group stood and take the tiled form away."""
        commands = synchronize(self.commands, self.target)
        anchor = self.lowered[0] if self.lowered else self.downloads[0][0]
        results = [op.results[0].type for op, _ in self.downloads]
        with ir.InsertionPoint(anchor), anchor.location:
            segment = Segment(
                tuple(commands),
                bytes(self.image.data),
                tuple(offset for _, offset in self.uploads),
                tuple(offset for _, offset in self.downloads),
                dram_bytes,
                sram_bytes,
                Space.DRAM if self.target.dram.writable else Space.SRAM,
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


def _transfer(numbered: tuple[int, ir.Operation]) -> tuple[bool, int]:
    """Equal for the copies of one transfer."""
    number, op = numbered
    joined = transfer_of(op) if op.name == "npu.copy" else None
    return (False, number) if joined is None else (True, joined)


def _movers(block: ir.Block) -> Iterator[ir.Operation]:
    """Every npu.copy and every tile of a block and of the groups in it, in program order."""
    for item in block.operations:
        op = item.operation
        if op.name == "npu.group":
            yield from _movers(op.regions[0].blocks[0])
        elif op.name == "npu.copy" or (spec_class(op) is not None and space_of(op.results[0]) is not None):
            yield op
