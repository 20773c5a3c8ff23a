# SPDX-License-Identifier: Apache-2.0
"""Commands as bytes and as text, all of it generated from the field lists.

A command is opcode u8, queue u8, location u32, then its fields in the order of their declaration, little-endian: a scalar in its
own width, an operand as its memory u8 and, unless that is NONE, 63 bytes of view (see `_VIEW`). A file of an older minor version
lacks the fields that came later (`since`); they have their neutral defaults.
"""

import functools
import itertools
import struct
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any, NamedTuple

from npuc.errors import InternalError, ProgramError
from npuc.isa import by_opcode
from npuc.isa.base import Command, DType, Instruction, Operand, Space
from npuc.isa.legality import Legality
from npuc.targets.base import Target

MINOR = 5
"""Minor version of the format: 1.1 added fields for TFLite's arithmetic to elementwise and pool, 1.2 packed weights, 1.3 tensors that
the host puts into SRAM, 1.4 operands in bricks of channels, 1.5 a denser form of packed weights."""

_HEADER = struct.Struct("<BBI")
# dtype, base, shape, strides, padding, pad value, ring rows, first row, brick stride
_VIEW = struct.Struct("<BI4I4i4HiIII")
# the same before 1.4
_VIEW_WITHOUT_BRICKS = struct.Struct("<BI4I4i4HiII")
_BRICKS_SINCE = 4
_SPACES = {int(space): space for space in Space}
_DTYPES = {int(kind): kind for kind in DType}


class _Group(NamedTuple):
    """Neighbouring scalar fields under one Struct, or one operand.

    Attributes:
        packer: None for an operand.
        enums: (position in the group, field) of every enumeration.
    """

    packer: struct.Struct | None
    names: tuple[str, ...]
    enums: tuple[tuple[int, Field[Any]], ...] = ()


@functools.cache
def _groups(cls: type[Instruction], minor: int = MINOR) -> tuple[_Group, ...]:
    """The fields of version `minor` in order."""
    groups: list[_Group] = []
    known = (item for item in fields(cls) if item.metadata.get("since", 0) <= minor)
    for scalar, run in itertools.groupby(known, key=lambda item: "fmt" in item.metadata):
        items = tuple(run)
        if not scalar:
            groups += [_Group(None, (item.name,)) for item in items]
            continue
        packer = struct.Struct("<" + "".join(item.metadata["fmt"] for item in items))
        enums = tuple((at, item) for at, item in enumerate(items) if "enum" in item.metadata)
        groups.append(_Group(packer, tuple(item.name for item in items), enums))
    return tuple(groups)


@functools.cache
def _plain_bytes(cls: type[Instruction], minor: int) -> int:
    """Bytes of the fields of an instruction without operands; of another, less than it has."""
    return sum(packer.size for packer, _, _ in _groups(cls, minor) if packer is not None)


def _encode_operand(view: Operand) -> bytes:
    if not view.present:
        return b"\0"
    return bytes((view.space,)) + _VIEW.pack(
        view.dtype, view.base, *view.shape, *view.strides, *view.pad, view.pad_value, view.wrap_rows, view.first_row, view.brick_stride
    )


def encode_instruction(instruction: Instruction) -> bytes:
    """The fields of `instruction`, without opcode, queue and location.

    Raises:
        InternalError: a value that its field cannot hold.
    """
    parts = []
    try:
        for packer, names, _ in _groups(type(instruction)):
            if packer is None:
                parts.append(_encode_operand(getattr(instruction, names[0])))
            else:
                parts.append(packer.pack(*(int(getattr(instruction, name)) for name in names)))
    except struct.error as error:
        raise InternalError(f"a field of {instruction.mnemonic} does not fit its width: {error}", found=instruction) from error
    return b"".join(parts)


def encode(commands: Sequence[Command], queue_names: Sequence[str], locations: Sequence[str]) -> bytes:
    """Bytes of `commands`; queues and locations become indices into the given tables.

    Raises:
        InternalError: a queue or location that is not in its table, or a value that its field cannot hold.
    """
    queues = {name: index for index, name in enumerate(queue_names)}
    places = {name: index for index, name in enumerate(locations)}
    # tiles repeat: equal instructions are packed once
    known: dict[int, bytes] = {}
    parts = []
    for command in commands:
        instruction = command.instruction
        if command.queue not in queues or command.location not in places:
            raise InternalError(
                f"{instruction.mnemonic} stands in queue '{command.queue}' for layer '{command.location}', which no table lists"
            )
        parts.append(_HEADER.pack(instruction.opcode, queues[command.queue], places[command.location]))
        body = known.get(id(instruction))
        if body is None:
            body = known[id(instruction)] = encode_instruction(instruction)
        parts.append(body)
    return b"".join(parts)


class _Reader:
    """Bytes with a position; every read is checked."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0
        # tiles share operands: equal bytes become one object
        self.views: dict[bytes, Operand] = {}

    def take(self, packer: struct.Struct) -> tuple[int, ...]:
        if self.at + packer.size > len(self.data):
            raise ProgramError("a command is cut short", found=f"{len(self.data) - self.at} bytes", wanted=f"{packer.size}")
        values = packer.unpack_from(self.data, self.at)
        self.at += packer.size
        return values


_BYTE = struct.Struct("<B")


def _decode_operand(reader: _Reader, name: str, minor: int) -> Operand:
    (code,) = reader.take(_BYTE)
    space = _SPACES.get(code)
    if space is None:
        raise ProgramError(
            f"operand {name} lies in an unknown memory", found=code, wanted=", ".join(f"{v} {s.name}" for v, s in _SPACES.items())
        )
    if space is Space.NONE:
        return _ABSENT
    layout = _VIEW if minor >= _BRICKS_SINCE else _VIEW_WITHOUT_BRICKS
    key = reader.data[reader.at - 1 : reader.at + layout.size]
    values = reader.take(layout)
    view = reader.views.get(key)
    if view is not None:
        return view
    dtype = _DTYPES.get(values[0])
    if dtype is None or dtype in (DType.BF16, DType.F32):
        raise ProgramError(f"operand {name} has an element type that is reserved or unknown", found=values[0], wanted="0 i8, 1 i16, 2 i32")
    fields_of: Any = values
    view = Operand(space, dtype, values[1], fields_of[2:6], fields_of[6:10], fields_of[10:14], *values[14:])
    reader.views[key] = view
    return view


_ABSENT = Operand.absent()


def _decode_instruction(reader: _Reader, cls: type[Instruction], minor: int = MINOR) -> Instruction:
    values: dict[str, Any] = {}
    for packer, names, enums in _groups(cls, minor):
        if packer is None:
            values[names[0]] = _decode_operand(reader, names[0], minor)
            continue
        found = reader.take(packer)
        values.update(zip(names, found, strict=True))
        for at, item in enums:
            values[item.name] = _enumerated(cls, item, found[at])
    return cls(**values)


def _enumerated(cls: type[Instruction], item: Field[Any], value: int) -> Any:
    kind = item.metadata["enum"]
    try:
        return kind(value)
    except ValueError:
        wanted = ", ".join(f"{int(entry)} {entry.name}" for entry in kind)
        raise ProgramError(f"field {item.name} of {cls.mnemonic} has an unknown code", found=value, wanted=wanted) from None


def decode(
    data: bytes, queue_names: Sequence[str], locations: Sequence[str], target: Target, sizes: dict[Space, int], minor: int = MINOR
) -> tuple[Command, ...]:
    """The commands in `data`, every field checked against `target` and the memory sizes.

    Args:
        minor: version of the format that `data` was written in.

    Raises:
        ProgramError: bytes that are no command, or a command that the machine cannot run.
    """
    reader, legality, commands = _Reader(data), Legality(target, sizes), []
    # signals and waits repeat: what has no operand is decoded and checked once a queue
    known: dict[bytes, Instruction] = {}
    while reader.at < len(data):
        start = reader.at
        opcode, queue, place = reader.take(_HEADER)
        cls = by_opcode().get(opcode)
        if cls is None:
            raise ProgramError(f"command {len(commands)} has an unknown opcode", found=opcode, wanted=", ".join(map(str, by_opcode())))
        if queue >= len(queue_names) or place >= len(locations):
            raise ProgramError(
                f"command {len(commands)} names a queue or location that is not there",
                found=f"queue {queue}, location {place}", wanted=f"below {len(queue_names)} and {len(locations)}",
            )  # fmt: skip
        end = reader.at + _plain_bytes(cls, minor)
        key = bytes((opcode, queue)) + data[reader.at : end]
        instruction = known.get(key)
        if instruction is not None:
            reader.at = end
            commands.append(Command(instruction, queue_names[queue], locations[place]))
            continue
        command = Command(_decode_instruction(reader, cls, minor), queue_names[queue], locations[place])
        for problem in legality.problems(command):
            raise ProgramError(f"command {len(commands)}, {cls.mnemonic} at byte {start}: {problem}", layer=command.location)
        if reader.at == end:
            known[key] = command.instruction
        commands.append(command)
    return tuple(commands)


# text ------------------------------------------------------------------------------------------


def disassemble_operand(view: Operand) -> str:
    """One operand in words: memory, address, shape, type, and what is not plain about it."""
    if not view.present:
        return "-"
    text = f"{view.space.name.lower()}[{view.base:#x}]:{'x'.join(map(str, view.shape))}x{view.dtype.name.lower()}"
    plain = Operand.dense(view.space, view.base, view.shape, view.dtype).strides
    if view.strides != plain:
        text += f" strides({','.join(map(str, view.strides))})"
    if view.brick_stride:
        text += f" bricks({view.brick_stride})"
    if any(view.pad):
        text += f" pad({','.join(map(str, view.pad))})={view.pad_value}"
    if view.wrap_rows:
        text += f" ring({view.wrap_rows}@{view.first_row})"
    return text


def disassemble(command: Command) -> str:
    """One line: queue, mnemonic, every field, layer."""
    instruction = command.instruction
    parts = []
    for item in fields(instruction):
        value = getattr(instruction, item.name)
        if "operand" in item.metadata:
            parts += [f"{item.name}={disassemble_operand(value)}"] if value.present else []
        elif "enum" in item.metadata:
            parts.append(f"{item.name}={value.name.lower()}")
        else:
            parts.append(f"{item.name}={value}")
    line = f"{command.queue:<7} {instruction.mnemonic:<16} {' '.join(parts)}"
    return f"{line}  ; {command.location}" if command.location else line
