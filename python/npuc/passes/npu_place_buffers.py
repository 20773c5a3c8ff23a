# SPDX-License-Identifier: Apache-2.0
"""Gives every tensor that npu-tile put into a memory its byte offset there.

Values that are one buffer (a tensor and what is inserted into it, a view and its operand, a group's results and what it
yields, the parameters that one transfer brings) share an offset. SRAM buffers reuse addresses by lifetime
(`npuc.plan.place`), each NPU segment from an empty SRAM on; off-chip tensors of all segments lie side by side, and a tensor that
several segments or the host share lies there once. The certificate is written on the function as `npu.placement`: peak bytes, the
most that is alive at once, the best lower bound that is proved, and whether the peak meets it. Where the function has a schedule, the
peak that it tells of is met again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from torch_mlir import ir

from npuc.dialects.attrs import Placement, from_attr, to_attr
from npuc.dialects.base import mlir_type, spec_class, spec_of, tensor_type
from npuc.dialects.npu.ops.constant import constant_array
from npuc.dialects.npu.ops.group import is_cast, unpacked
from npuc.errors import DoesNotFit, InternalError, UserInputError
from npuc.ops.base import OpSpec, Region, cut
from npuc.passes._packing import packed_bytes
from npuc.passes._segment import SCHEDULE_ATTRIBUTE, npu_ops, on_npu
from npuc.passes.base import Pass, functions, layer_name, refusal, target_of
from npuc.passes.npu_schedule import schedules_of
from npuc.passes.npu_tile import PARAMS_ATTRIBUTE, SCRATCH_BYTES_ATTRIBUTE, TRANSFER_ATTRIBUTE
from npuc.plan import place as plan_place
from npuc.plan.graph import row_bytes, rows
from npuc.plan.steps import align, beside
from npuc.targets.base import Target

PLACEMENT_ATTRIBUTE = "npu.placement"
SCRATCH_ATTRIBUTE = "npu.scratch_offset"
PARAMS_OFFSET_ATTRIBUTE = "npu.params_offset"
# off-chip tensors start on a multiple of this, so that transfers start on a burst
DRAM_ALIGN_BYTES = 128


@dataclass(frozen=True)
class NpuPlaceBuffers(Pass):
    # addresses alone are new: the next pass asks for each of them, and the hazard check proves what they make of the commands
    needs_verifier: ClassVar[bool] = False

    def run(self, module: ir.Module) -> None:
        target = target_of(module)
        for function in functions(module):
            buffers = _Buffers(target)
            buffers.read(function.operation)
            if not buffers.found:
                refuse_untiled(function.operation, "npu-tile")
                continue
            schedules = schedules_of(function.operation) if SCHEDULE_ATTRIBUTE in function.attributes else []
            planned = [(one.peak_sram_bytes, one.capacity_bytes or target.sram.bytes) for one in schedules]
            planned += [(0, target.sram.bytes)] * (buffers.segment + 1 - len(planned))
            placements = [_place(function, buffers, number, target, *planned[number]) for number in range(buffers.segment + 1)]
            top = 0
            for buffer in buffers.found:
                if buffer.memory == "dram":
                    buffer.offset = top
                    top += -(-buffer.size_bytes // DRAM_ALIGN_BYTES) * DRAM_ALIGN_BYTES
            buffers.write()
            content: dict[str, Any] = {
                **_certificate(placements),
                "dram_bytes": top,
                "buffers": sum(buffer.memory == "sram" for buffer in buffers.found),
            }
            if len(placements) > 1:
                content["segments"] = [_certificate([one]) for one in placements]
            function.operation.attributes[PLACEMENT_ATTRIBUTE] = to_attr(content)


def _certificate(placements: Sequence[plan_place.Placement]) -> dict[str, Any]:
    """Segments run one after another: the highest of them counts."""
    highest = max(placements, key=lambda one: one.peak_bytes)
    bound_bytes = max(one.bound_bytes for one in placements)
    return {
        "peak_sram_bytes": highest.peak_bytes,
        "live_sram_bytes": max(one.live_bytes for one in placements),
        "bound_sram_bytes": bound_bytes,
        "optimal": highest.peak_bytes == bound_bytes,
        "found_by": highest.found_by,
    }


def _place(function: Any, buffers: "_Buffers", segment: int, target: Target, planned_bytes: int, capacity_bytes: int) -> plan_place.Placement:
    """Give the SRAM buffers of one segment their offsets."""
    sram = [buffer for buffer in buffers.found if buffer.memory == "sram" and buffer.segment == segment]
    lifetimes = [(buffer.size_bytes, buffer.first, buffer.last) for buffer in sram]
    placement = plan_place.place_again(lifetimes, planned_bytes, min(capacity_bytes, target.sram.bytes))
    if placement.peak_bytes > target.sram.bytes:
        raise DoesNotFit(
            f"the tiles of '{function.operation.attributes['sym_name']}' do not fit in the SRAM of {target.name}",
            found=f"{placement.peak_bytes} bytes (live ranges alone need {placement.live_bytes})",
            wanted=f"at most {target.sram.bytes} bytes",
            advice="run npu-schedule again for this capacity",
        )
    wrong = plan_place.check_placement(lifetimes, placement.offsets, target.sram.bytes)
    if wrong:
        raise InternalError("the placement is wrong", found=wrong)
    for buffer, offset in zip(sram, placement.offsets, strict=True):
        buffer.offset = offset
    # a lower one may cost cycles, and the planner has weighed that: of it the bound alone is taken
    return replace(placement, proved_bytes=plan_place.tighten(lifetimes, placement).proved_bytes)


@dataclass
class _Buffer:
    memory: str
    size_bytes: int
    first: int
    last: int
    segment: int
    offset: int = -1


@dataclass
class _Buffers:
    """Buffers of a function in the order of their first touch, and which values live in which.

    Positions count transfers, tiles and views only, as the planner's steps do, from 0 on in each segment.

    Attributes:
        inner: value -> bytes from the start of its buffer to it; absent where it is the start.
        transfer: number of the transfer that brought the parameters last, and `filled` the bytes of its buffer that they take.
        home: where in off-chip memory a value of the host lies that a segment made or took.
        segment: the one being read, at last the number of the last one.
        ended: a value went back to the host, so the next one that comes from there begins a segment.
    """

    target: Target
    found: list[_Buffer] = field(default_factory=list)
    of: dict[ir.Value, int] = field(default_factory=dict)
    inner: dict[ir.Value, int] = field(default_factory=dict)
    filled: int = 0
    # (op, attribute that names the address, buffer)
    named: list[tuple[ir.Operation, str, int]] = field(default_factory=list)
    params: dict[int, int] = field(default_factory=dict)
    home: dict[ir.Value, int] = field(default_factory=dict)
    transfer: int | None = None
    segment: int = 0
    position: int = 0
    ended: bool = False

    def read(self, function: ir.Operation) -> None:
        self._block(function.regions[0].blocks[0])

    def _block(self, block: ir.Block) -> None:
        for view in block.operations:
            op = view.operation
            if op.name == "npu.group":
                self._enter(op)
                self._block(op.regions[0].blocks[0])
                for outside, inside in unpacked(op):
                    self.of[outside] = self.of[inside]
                    if inside in self.inner:
                        self.inner[outside] = self.inner[inside]
            elif op.name == "tensor.extract_slice" and op.operands[0] in self.of:
                self.of[op.results[0]] = self.of[op.operands[0]]
            elif op.name == "npu.copy":
                self._copy(op)
            elif op.name == "npu.reshape" and space_of(op.results[0]) is not None:
                self._alias(op)
            elif spec_class(op) is not None and on_npu(op) and space_of(op.results[0]) is not None:
                self._tile(op)
            elif op.name == "tensor.insert_slice" and space_of(op.results[0]) is not None:
                # the inserted tile made or touched the buffer already
                self.of[op.results[0]] = self.of[op.operands[0]]

    def _enter(self, group: ir.Operation) -> None:
        number = group_segment(group)
        if number != self.segment:
            self.segment, self.position = number, 0
        self.ended = False

    def _touch(self, number: int) -> None:
        buffer = self.found[number]
        buffer.first, buffer.last = min(buffer.first, self.position), max(buffer.last, self.position)

    def _new(self, memory: str, size_bytes: int) -> int:
        self.found.append(_Buffer(memory, align(max(size_bytes, 1)), self.position, self.position, self.segment))
        return len(self.found) - 1

    def _result(self, value: ir.Value) -> None:
        """The buffer that `value` goes to: that of the tensor it is inserted into, or its own."""
        inserted = insertion(value)
        whole = value if inserted is None else inserted.results[0]
        into = None if inserted is None else inserted.operands[1]
        if into is not None and into in self.of:
            number = self.of[into]
        else:
            space, kind = space_of(whole), tensor_type(whole.type)
            assert space is not None
            size = space.rows * row_bytes(kind) if space.rows and space.rows < rows(kind) else kind.bytes
            number = self._new(space.memory, size)
            if into is not None:
                self.of[into] = number
        self.of[value] = number
        self._touch(number)

    def _copy(self, op: ir.Operation) -> None:
        spaces = [space_of(value) for value in op.results]
        if all(space is None for space in spaces):
            # back to the host
            number = self.of[op.operands[0]]
            self.home[op.results[0]] = number
            self.found[number].last = max(self.found[number].last, self.position - 1)
            self.ended = True
            return
        first = spaces[0]
        assert first is not None
        if first.memory == "sram" and is_params(op):
            self._params(op)
            return
        transfer = space_of(op.operands[0]) is not None or constant_region(op.operands[0]) is not None
        for value in op.operands:
            if value in self.of:
                self._touch(self.of[value])
        if not transfer:
            self._upload(op, first.memory)
            return
        for value in op.results:
            self._result(value)
        if PARAMS_ATTRIBUTE in op.attributes:
            self.params[from_attr(op.attributes[PARAMS_ATTRIBUTE])] = self.of[op.results[0]]
        self.position += transfer

    def _params(self, op: ir.Operation) -> None:
        """Parameters lie behind those that the same transfer brings."""
        joined = transfer_of(op)
        if joined is None or joined != self.transfer:
            self._new("sram", 0)
            self.filled = 0
            self.position += 1
        self.transfer = joined
        buffer, number = self.found[-1], len(self.found) - 1
        start = beside(self.filled, self.target)
        for value in op.results:
            self.of[value] = number
            if start:
                self.inner[value] = start
        size = packed_bytes(param_spec(op), self.target, param_arrays(op))
        self.filled = start + size
        buffer.size_bytes = align(self.filled)

    def _upload(self, op: ir.Operation, memory: str) -> None:
        """A segment takes a value of the host; off chip it lies where the segment that made it, or took it before, has it."""
        source = op.operands[0]
        if memory == "sram":
            if self.ended:
                self.segment, self.position, self.ended = self.segment + 1, 0, False
            self._result(op.results[0])
            return
        if source in self.home:
            self.of[op.results[0]] = self.home[source]
            return
        self._result(op.results[0])
        self.home[source] = self.of[op.results[0]]

    def _alias(self, op: ir.Operation) -> None:
        number = self.of[op.operands[0]]
        self.of[op.results[0]] = number
        self._touch(number)
        self.position += 1

    def _tile(self, op: ir.Operation) -> None:
        for value in op.operands:
            if value in self.of:
                self._touch(self.of[value])
        self._result(op.results[0])
        if SCRATCH_BYTES_ATTRIBUTE in op.attributes:
            self.named.append((op, SCRATCH_ATTRIBUTE, self._new("sram", from_attr(op.attributes[SCRATCH_BYTES_ATTRIBUTE]))))
        if PARAMS_ATTRIBUTE in op.attributes:
            number = self.params[from_attr(op.attributes[PARAMS_ATTRIBUTE])]
            self._touch(number)
            self.named.append((op, PARAMS_OFFSET_ATTRIBUTE, number))
        self.position += 1

    def write(self) -> None:
        """Set the offsets in the types of all values."""
        encodings: dict[tuple[int, Placement], ir.Attribute] = {}
        for value, number in self.of.items():
            space = space_of(value)
            if space is None:
                continue
            offset = self.found[number].offset + self.inner.get(value, 0)
            key = (offset, space)
            if key not in encodings:
                encodings[key] = to_attr(replace(space, offset=offset))
            value.set_type(mlir_type(tensor_type(value.type), encodings[key]))
        for op, name, number in self.named:
            op.attributes[name] = to_attr(self.found[number].offset)


def group_segment(group: ir.Operation) -> int:
    """The number of the NPU segment that an npu.group belongs to."""
    return from_attr(group.attributes["info"]).get("segment", 0)


def refuse_untiled(function: ir.Operation, missing: str) -> None:
    """A pass that finds none of what `missing` leaves says so, where there is something to do.

    Raises:
        UserInputError: NPU ops stand there untouched.
    """
    op = next(npu_ops(function), None)
    if op is not None:
        raise refusal(op, UserInputError, f"'{op.name}' has not been tiled and placed", wanted=f"the output of {missing}", advice=f"run {missing} first")


def space_of(value: ir.Value) -> Placement | None:
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType) or kind.encoding is None:
        return None
    found = from_attr(kind.encoding)
    return found if isinstance(found, Placement) else None


def insertion(value: ir.Value) -> ir.Operation | None:
    """The tensor.insert_slice that `value` is inserted by."""
    for use in value.uses:
        user = use.owner.operation
        if user.name == "tensor.insert_slice" and use.operand_number == 0:
            return user
    return None


def is_params(op: ir.Operation) -> bool:
    """Whether the copy brings the packed parameters of a tile: a reader takes its result as a parameter operand."""
    return _param_reader(op) is not None


def _param_reader(op: ir.Operation) -> ir.Operation | None:
    pending = [op.results[0]]
    while pending:
        value = pending.pop()
        for use in value.uses:
            user = use.owner.operation
            if is_cast(user):
                group = next(iter(user.results[0].uses)).owner.operation.parent.operation
                pending.append(unpacked(group)[use.operand_number][0])
                continue
            cls = spec_class(user)
            if cls is not None and use.operand_number in cls.param_operands:
                return user
    return None


def transfer_of(op: ir.Operation) -> int | None:
    """The number of the transfer that a copy shares with those beside it; None where it is one by itself."""
    return from_attr(op.attributes[TRANSFER_ATTRIBUTE]) if TRANSFER_ATTRIBUTE in op.attributes else None


def param_spec(op: ir.Operation) -> OpSpec:
    """A tile that reads the parameters which the copy `op` brings."""
    reader = _param_reader(op)
    if reader is None:
        raise InternalError("nothing reads the parameters that a copy brings", found=str(op)[:200])
    return spec_of(reader)


def param_arrays(op: ir.Operation) -> list[np.ndarray]:
    """These parameters."""
    return [constant_part(value, layer_name(op)) for value in op.operands]


def constant_part(value: ir.Value, layer: str) -> np.ndarray:
    """The elements of an npu.constant, or of a part cut out of one.

    Raises:
        InternalError: the value is neither.
    """
    found = constant_region(value)
    if found is None:
        raise InternalError("a parameter is no constant", layer=layer, found=str(value)[:120])
    array, region = found
    return np.ascontiguousarray(cut(array, region))


def base_of(value: ir.Value) -> ir.Value:
    """The tensor that `value` is a slice of, or itself."""
    owner = value.owner
    if not isinstance(owner, ir.Block) and owner.name == "tensor.extract_slice":
        return owner.operation.operands[0]
    return value


def region_of(op: ir.Operation) -> Region:
    """Offsets and sizes of an extract_slice or insert_slice."""
    starts = ir.DenseI64ArrayAttr(op.attributes["static_offsets"])
    sizes = ir.DenseI64ArrayAttr(op.attributes["static_sizes"])
    return tuple(zip(starts, sizes, strict=True))


def constant_region(value: ir.Value) -> tuple[np.ndarray, Region] | None:
    """(whole array, region) where `value` is an npu.constant or a slice of one."""
    base = base_of(value)
    owner = base.owner
    if isinstance(owner, ir.Block) or owner.name != "npu.constant":
        return None
    array = constant_array(owner.operation)
    region = tuple((0, extent) for extent in array.shape) if base == value else region_of(value.owner.operation)
    return array, region
