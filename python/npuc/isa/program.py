# SPDX-License-Identifier: Apache-2.0
"""The program file `.npub`: all that the simulator and the runtime get.

    magic "NPUB" | major u16 | minor u16 | sections u32
    sections x (name 8 bytes | offset u64 | size u64 | CRC-32 u32)      | CRC-32 u32 of everything so far
    the sections, one after the other

Small structured sections are JSON, commands and constants binary. Sections of unknown name are skipped: they come from a newer
minor version. Reading trusts nothing: sizes are held against the file, every field is checked, and nothing is executed or unpickled.
"""

import json
import math
import operator
import os
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from npuc import targets
from npuc.errors import InternalError, ProgramError, ProgramTarget, ProgramVersion, TargetUnknown
from npuc.isa.base import Command, Space
from npuc.isa.encoding import MINOR, decode, encode
from npuc.targets.base import Buffers, Memory, MicroBlockArray, OutputPath, SpatialArray, Target

MAJOR = 1
MAGIC = b"NPUB"

DTYPE_BYTES = {"i1": 1, "i8": 1, "ui8": 1, "i16": 2, "i32": 4, "i64": 8, "f32": 4, "f64": 8}
MAX_TENSOR_BYTES = 1 << 32
MAX_RANK = 8
_MAX_SECTIONS = 64
_MAX_FIGURE = 1 << 48

_MAX_MEMORY_BYTES = 1 << 32
_RATE = re.compile(r"[0-9]{1,15}(/[0-9]{1,15})?")

# of a segment: tensors that pass through SRAM, since this minor version
_EDGES = ("inputs", "outputs")
_EDGES_SINCE = 3

_FILE = struct.Struct("<4sHHI")
_SECTION = struct.Struct("<8sQQI")
_CRC = struct.Struct("<I")


@dataclass(frozen=True)
class Tensor:
    """A value that crosses a segment's edge.

    Attributes:
        dtype: MLIR's name, a key of DTYPE_BYTES.
        dram_offset: byte address of the dense value in DRAM, -1 where it lives on the host alone.
    """

    id: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    dram_offset: int = -1

    @property
    def bytes(self) -> int:
        """Size of the dense value."""
        return math.prod(self.shape) * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True)
class Port:
    """An input or output of the program, in the model's own order."""

    name: str
    tensor_id: int


@dataclass(frozen=True)
class Edge:
    """A tensor that the host puts into SRAM before a segment, or takes from there behind it: on machines that cannot write off-chip."""

    tensor_id: int
    sram_offset: int


@dataclass(frozen=True)
class NpuSegment:
    """Commands that run between two host segments.

    Attributes:
        inputs, outputs: tensors that pass through SRAM; those with a `dram_offset` lie there and are not listed.
    """

    commands: tuple[Command, ...]
    inputs: tuple[Edge, ...] = ()
    outputs: tuple[Edge, ...] = ()


@dataclass(frozen=True)
class HostCall:
    """An op of `npuc.ops` by name, run by its numpy reference.

    Attributes:
        params: the op's parameters as plain values: bool, int, float, str, tuples of them, and dicts for a `Rescale`.
        location: the layer.
        reason: why the NPU does not run it.
    """

    op: str
    params: dict[str, Any]
    inputs: tuple[int, ...]
    output: int
    location: str = ""
    reason: str = ""


@dataclass(frozen=True)
class HostSegment:
    """Host calls in order."""

    calls: tuple[HostCall, ...]


@dataclass(frozen=True)
class Layer:
    """What the profile says of a layer beside its cycles.

    Attributes:
        op: name of the op.
        macs: multiply-accumulates.
        array_cycles: the unit's own bound.
        device: "npu" or "host".
        reason: why it is on the host.
    """

    name: str
    op: str
    macs: int
    array_cycles: int
    device: str = "npu"
    reason: str = ""


@dataclass(frozen=True)
class Program:
    """A compiled network.

    Attributes:
        constants: u8 image of DRAM from address 0 on.
        dram_bytes, sram_bytes: how much of each memory the program touches.
        certificates: plain values that planning proved (bounds, peaks).
        metadata: plain values of no effect (source, versions).
    """

    target: Target
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    tensors: tuple[Tensor, ...]
    segments: tuple[NpuSegment | HostSegment, ...]
    constants: bytes
    dram_bytes: int
    sram_bytes: int
    layers: tuple[Layer, ...] = ()
    certificates: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    def tensor(self, tensor_id: int) -> Tensor:
        """The tensor of that id."""
        return self.tensors[tensor_id]

    @property
    def command_count(self) -> int:
        """Commands over all segments."""
        return sum(len(segment.commands) for segment in self.segments if isinstance(segment, NpuSegment))

    def to_bytes(self) -> bytes:
        """The file; equal programs give equal bytes."""
        return _write(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Program":
        """Read a file.

        Raises:
            ProgramError: not a sound program file; ProgramVersion, ProgramTarget: a newer format, another machine.
        """
        return _read(bytes(data))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file at `path`."""
        Path(path).write_bytes(self.to_bytes())


# plain values ----------------------------------------------------------------------------------


def _to_plain(value: Any) -> Any:
    """JSON form of a parameter: tuples become lists, floats without a JSON form a tagged string."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, dict):
        return {str(key): _to_plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_to_plain(entry) for entry in value]
    try:
        # numpy integers too
        return operator.index(value)
    except TypeError:
        raise InternalError(
            f"a program cannot hold a {type(value).__name__}", found=value, wanted="bool, int, float, str, tuple, dict"
        ) from None


def _from_plain(value: Any) -> Any:
    """Lists become tuples, the tagged string a float again."""
    if isinstance(value, list):
        return tuple(_from_plain(entry) for entry in value)
    if isinstance(value, dict):
        if value.keys() == {"float"} and value["float"] in ("inf", "-inf", "nan"):
            return float(value["float"])
        return {key: _from_plain(entry) for key, entry in value.items()}
    return value


def _json_bytes(value: Any) -> bytes:
    return json.dumps(_to_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


# writing ---------------------------------------------------------------------------------------


def _write(program: Program) -> bytes:
    locations = tuple(
        dict.fromkeys(command.location for segment in program.segments if isinstance(segment, NpuSegment) for command in segment.commands)
    )
    queue_names = program.target.queue_names
    commands, segments = bytearray(), []
    for segment in program.segments:
        if isinstance(segment, NpuSegment):
            encoded = encode(segment.commands, queue_names, locations)
            edges = {name: [_record(edge) for edge in getattr(segment, name)] for name in _EDGES}
            segments.append({"kind": "npu", "offset": len(commands), "size": len(encoded)} | edges)
            commands += encoded
        else:
            segments.append({"kind": "host", "calls": [_record(call) for call in segment.calls]})
    sections = {
        "target": _json_bytes({"figures": program.target.to_dict(), "fingerprint": program.target.fingerprint}),
        "tensors": _json_bytes(
            {
                "tensors": [_record(tensor) for tensor in program.tensors],
                "inputs": [_record(port) for port in program.inputs],
                "outputs": [_record(port) for port in program.outputs],
                "dram_bytes": program.dram_bytes,
                "sram_bytes": program.sram_bytes,
            }
        ),
        "segments": _json_bytes({"queues": queue_names, "segments": segments}),
        "places": _json_bytes(locations),
        "commands": bytes(commands),
        "layers": _json_bytes([_record(layer) for layer in program.layers]),
        "notes": _json_bytes({"certificates": program.certificates, "metadata": program.metadata}),
        "consts": program.constants,
    }
    head = bytearray(_FILE.pack(MAGIC, MAJOR, MINOR, len(sections)))
    offset = _FILE.size + _SECTION.size * len(sections) + _CRC.size
    for name, data in sections.items():
        head += _SECTION.pack(name.encode(), offset, len(data), zlib.crc32(data))
        offset += len(data)
    return b"".join((bytes(head), _CRC.pack(zlib.crc32(head)), *sections.values()))


def _record(value: Any) -> dict[str, Any]:
    return {item.name: getattr(value, item.name) for item in fields(value)}


# reading ---------------------------------------------------------------------------------------


def _read(data: bytes) -> Program:
    sections = _sections(data)
    try:
        return _assemble(sections, minor=min(_FILE.unpack_from(data)[2], MINOR))
    except ProgramError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, ArithmeticError, RecursionError) as error:
        raise ProgramError(f"the program file is damaged: {type(error).__name__}: {error}") from error


def _sections(data: bytes) -> dict[str, bytes]:
    """Name -> bytes of every section, CRCs checked."""
    if len(data) < _FILE.size or data[:4] != MAGIC:
        raise ProgramError("this is no npuc program file", found=data[:4], wanted=MAGIC, advice="pass a .npub file that npuc wrote")
    _, major, minor, count = _FILE.unpack_from(data)
    if major > MAJOR or major == 0:
        raise ProgramVersion(
            "the program file has another format version",
            found=f"{major}.{minor}", wanted=f"{MAJOR}.x", advice="update npuc, or compile the model again",
        )  # fmt: skip
    end = _FILE.size + _SECTION.size * count
    if count > _MAX_SECTIONS or end + _CRC.size > len(data):
        raise ProgramError("the section table is cut short or too long", found=f"{count} sections in {len(data)} bytes")
    if _CRC.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        raise ProgramError("the section table is damaged", rule="its CRC-32 must match")
    found: dict[str, bytes] = {}
    expected = end + _CRC.size
    for index in range(count):
        raw, offset, size, crc = _SECTION.unpack_from(data, _FILE.size + _SECTION.size * index)
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        if name in found or offset != expected or size > len(data) - offset:
            raise ProgramError(
                f"section '{name}' lies in a wrong place", found=f"bytes {offset}..{offset + size}", wanted=f"from {expected} on, once"
            )
        found[name] = data[offset : offset + size]
        if zlib.crc32(found[name]) != crc:
            raise ProgramError(f"section '{name}' is damaged", rule="its CRC-32 must match")
        expected = offset + size
    if expected != len(data):
        raise ProgramError("bytes follow the last section", found=len(data), wanted=expected)
    return found


def _json(sections: dict[str, bytes], name: str, kind: type) -> Any:
    """The parsed section."""
    if name not in sections:
        raise ProgramError(f"section '{name}' is missing")

    def refuse(text: str) -> Any:
        raise ProgramError(f"section '{name}' holds {text}, which is no plain value")

    return _a(kind, json.loads(sections[name].decode(), parse_constant=refuse), f"section '{name}'")


def _a(kind: type, value: Any, subject: str) -> Any:
    """`value` if it is of exactly that type."""
    if type(value) is not kind:
        raise ProgramError(f"{subject} has the wrong type", found=type(value).__name__, wanted=kind.__name__)
    return value


def _int(value: Any, subject: str, low: int, high: int) -> int:
    """`value` if it is an int within low..high."""
    if type(value) is not int or not low <= value <= high:
        raise ProgramError(f"{subject} is out of range", found=value, wanted=f"{low}..{high}")
    return value


def _fields(record: Any, subject: str, *names: str) -> list[Any]:
    """The values of a record that has exactly these fields."""
    _a(dict, record, subject)
    if record.keys() != set(names):
        raise ProgramError(f"{subject} has other fields than it should", found=", ".join(sorted(record)), wanted=", ".join(names))
    return [record[name] for name in names]


def _assemble(sections: dict[str, bytes], minor: int) -> Program:
    for name in ("commands", "consts"):
        if name not in sections:
            raise ProgramError(f"section '{name}' is missing")
    target = _target(_json(sections, "target", dict))
    constants = sections["consts"]
    tensors, inputs, outputs, dram_bytes, sram_bytes = _fields(
        _json(sections, "tensors", dict), "section 'tensors'", "tensors", "inputs", "outputs", "dram_bytes", "sram_bytes"
    )
    _int(dram_bytes, "the DRAM of the program", len(constants), min(target.dram.bytes, _MAX_MEMORY_BYTES))
    _int(sram_bytes, "the SRAM of the program", 0, min(target.sram.bytes, _MAX_MEMORY_BYTES))
    known = tuple(_tensor(record, index, dram_bytes) for index, record in enumerate(_a(list, tensors, "tensors")))
    locations = tuple(_a(str, entry, "a location") for entry in _json(sections, "places", list))
    certificates, metadata = _fields(_json(sections, "notes", dict), "section 'notes'", "certificates", "metadata")
    return Program(
        target=target,
        inputs=_ports(inputs, "inputs", len(known)),
        outputs=_ports(outputs, "outputs", len(known)),
        tensors=known,
        segments=_segments(
            _json(sections, "segments", dict), sections["commands"], locations, target, known, dram_bytes, sram_bytes, minor
        ),
        constants=constants,
        dram_bytes=dram_bytes,
        sram_bytes=sram_bytes,
        layers=tuple(_layer(record) for record in _json(sections, "layers", list)),
        certificates=_a(dict, _from_plain(certificates), "certificates"),
        metadata=_a(dict, _from_plain(metadata), "metadata"),
    )


def _tensor(record: Any, index: int, dram_bytes: int) -> Tensor:
    number, name, dtype, shape, offset = _fields(record, "a tensor", "id", "name", "dtype", "shape", "dram_offset")
    _int(number, "the id of a tensor", index, index)
    _a(str, name, "the name of a tensor")
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise ProgramError(f"tensor '{name}' has an unknown element type", found=dtype, wanted=", ".join(DTYPE_BYTES))
    if len(_a(list, shape, "a shape")) > MAX_RANK:
        raise ProgramError(f"tensor '{name}' has rank {len(shape)}", wanted=f"at most {MAX_RANK}")
    extents = tuple(_int(extent, f"an extent of tensor '{name}'", 1, 1 << 31) for extent in shape)
    size = math.prod(extents) * DTYPE_BYTES[dtype]
    _int(size, f"the size of tensor '{name}'", 0, MAX_TENSOR_BYTES)
    _int(offset, f"the address of tensor '{name}'", -1, dram_bytes - size if size <= dram_bytes else -1)
    return Tensor(number, name, dtype, extents, offset)


def _ports(records: Any, subject: str, tensors: int) -> tuple[Port, ...]:
    ports = []
    for record in _a(list, records, subject):
        name, tensor_id = _fields(record, subject, "name", "tensor_id")
        ports.append(Port(_a(str, name, f"a name in {subject}"), _int(tensor_id, f"a tensor id in {subject}", 0, tensors - 1)))
    if len({port.name for port in ports}) != len(ports):
        raise ProgramError(f"two {subject} share a name", found=", ".join(port.name for port in ports))
    return tuple(ports)


def _edges(records: Any, subject: str, tensors: tuple[Tensor, ...], sram_bytes: int) -> tuple[Edge, ...]:
    found = []
    for record in _a(list, records, f"the {subject} of a segment"):
        number, offset = _fields(record, f"one of the {subject} of a segment", "tensor_id", "sram_offset")
        tensor = tensors[_int(number, f"a tensor id in the {subject} of a segment", 0, len(tensors) - 1)]
        if tensor.dram_offset >= 0:
            raise ProgramError(f"tensor '{tensor.name}' passes through SRAM and lies off-chip", found=f"dram[{tensor.dram_offset:#x}]", wanted="one")
        limit = sram_bytes - tensor.bytes if tensor.bytes <= sram_bytes else -1
        found.append(Edge(number, _int(offset, f"the SRAM address of tensor '{tensor.name}'", 0, limit)))
    return tuple(found)


def _segments(
    section: dict[str, Any], commands: bytes, locations: tuple[str, ...], target: Target, tensors: tuple[Tensor, ...], dram_bytes: int,
    sram_bytes: int, minor: int,
) -> tuple[NpuSegment | HostSegment, ...]:  # fmt: skip
    queues, records = _fields(section, "section 'segments'", "queues", "segments")
    queue_names = tuple(_a(str, name, "a queue name") for name in _a(list, queues, "the queue names"))
    sizes = {Space.SRAM: sram_bytes, Space.DRAM: dram_bytes}
    found: list[NpuSegment | HostSegment] = []
    expected = 0
    for record in _a(list, records, "the segments"):
        if _a(dict, record, "a segment").get("kind") == "host":
            _, calls = _fields(record, "a host segment", "kind", "calls")
            found.append(HostSegment(tuple(_call(call, len(tensors)) for call in _a(list, calls, "the calls of a host segment"))))
            continue
        names = _EDGES if minor >= _EDGES_SINCE else ()
        kind, offset, size, *edges = _fields(record, "a segment", "kind", "offset", "size", *names)
        if kind != "npu":
            raise ProgramError("a segment is of an unknown kind", found=kind, wanted="npu, host")
        # segments lie one after the other, so no byte is decoded twice
        _int(offset, "the offset of a segment", expected, expected)
        _int(size, "the size of a segment", 0, len(commands) - offset)
        expected = offset + size
        passing = [_edges(entries, name, tensors, sram_bytes) for entries, name in zip(edges, names, strict=True)]
        found.append(NpuSegment(decode(commands[offset:expected], queue_names, locations, target, sizes, minor), *passing))
    if expected != len(commands):
        raise ProgramError("commands belong to no segment", found=len(commands), wanted=expected)
    return tuple(found)


def _call(record: Any, tensors: int) -> HostCall:
    op, params, inputs, output, location, reason = _fields(record, "a host call", "op", "params", "inputs", "output", "location", "reason")
    ids = tuple(_int(entry, "an input of a host call", 0, tensors - 1) for entry in _a(list, inputs, "the inputs of a host call"))
    for name, text in (("op", op), ("location", location), ("reason", reason)):
        _a(str, text, f"the {name} of a host call")
    _int(output, "the output of a host call", 0, tensors - 1)
    return HostCall(op, _a(dict, _from_plain(params), "the parameters of a host call"), ids, output, location, reason)


def _layer(record: Any) -> Layer:
    name, op, macs, cycles, device, reason = _fields(record, "a layer", "name", "op", "macs", "array_cycles", "device", "reason")
    for label, text in (("name", name), ("op", op), ("device", device), ("reason", reason)):
        _a(str, text, f"the {label} of a layer")
    return Layer(name, op, _int(macs, "macs", 0, 1 << 62), _int(cycles, "array_cycles", 0, 1 << 62), device, reason)


# the machine -----------------------------------------------------------------------------------


def _target(section: dict[str, Any]) -> Target:
    """The machine in the file, held against the one of that name that is known here."""
    figures, fingerprint = _fields(section, "section 'target'", "figures", "fingerprint")
    stored = target_from_dict(figures)
    if stored.fingerprint != fingerprint:
        raise ProgramError("the machine's figures do not match their fingerprint", found=fingerprint, wanted=stored.fingerprint)
    try:
        known = targets.get(stored.name).with_sram(stored.sram.bytes)
    except TargetUnknown:
        return stored
    if known.fingerprint != fingerprint:
        raise ProgramTarget(
            f"the program was compiled for another machine called '{stored.name}'",
            found=f"{stored.name} {fingerprint}", wanted=f"{known.name} {known.fingerprint}", advice="compile the model again",
        )  # fmt: skip
    return known


def target_from_dict(figures: Any) -> Target:
    """The inverse of `Target.to_dict`.

    Raises:
        ProgramError: fields missing, too many, or out of range.
    """
    values = dict(zip(names := [item.name for item in fields(Target)], _fields(figures, "the machine", *names), strict=True))
    for name in ("name", "title"):
        _a(str, values[name], f"the machine's {name}")
    array = _a(dict, values["array"], "the array")
    values["array"] = _record_of(SpatialArray if "rows" in array else MicroBlockArray, array, "the array")
    values["buffers"] = _record_of(Buffers, values["buffers"], "the on-core buffers")
    for name in ("sram", "dram"):
        values[name] = _record_of(Memory, values[name], f"the {name}")
    values["output"] = _record_of(OutputPath, values["output"], "the output path")
    _int(values["clock_hz"], "the clock", 1, _MAX_FIGURE)
    _int(values["semaphores"], "the number of semaphores", 0, 256)
    _a(bool, values["core_reaches_dram"], "core_reaches_dram")
    values["element_types"] = tuple(_a(str, name, "an element type") for name in _a(list, values["element_types"], "the element types"))
    queues = _a(dict, values["queues"], "the queues")
    if queues.keys() != {"mac", "vector", "dma"} or sum(len(_a(list, names, "queues")) for names in queues.values()) > 64:
        raise ProgramError("the machine's queues are not usable", found=", ".join(queues), wanted="mac, vector, dma; at most 64 in all")
    values["queues"] = {kind: tuple(_a(str, name, "a queue name") for name in queues[kind]) for kind in ("mac", "vector", "dma")}
    return Target(**values)


def _block(value: Any, subject: str) -> tuple[int, ...]:
    if len(_a(list, value, subject)) != 3:
        raise ProgramError(f"{subject} has {len(value)} extents, wanted 3")
    return tuple(_int(extent, subject, 1, 1 << 16) for extent in value)


def _rate(value: Any, subject: str) -> Fraction:
    # digits only: an exponent could ask for a number without end
    if not _RATE.fullmatch(_a(str, value, subject)) or Fraction(value) <= 0:
        raise ProgramError(f"{subject} is no positive fraction", found=value[:40], wanted="n or n/d")
    return Fraction(value)


def _rates(value: Any, subject: str) -> dict[str, Fraction]:
    rates = {kind: _rate(rate, subject) for kind, rate in _a(dict, value, subject).items()}
    if "other" not in rates:
        raise ProgramError(f"{subject} has no rate for 'other'")
    return rates


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "bytes_per_cycle": _rate,
    "cycles_per_element": _rates,
    "ublock": _block,
    "writable": lambda value, subject: _a(bool, value, subject),
    "taps_on_path": lambda value, subject: _a(bool, value, subject),
    "read_latency": lambda value, subject: _int(value, subject, 0, _MAX_FIGURE),
    "write_latency": lambda value, subject: _int(value, subject, 0, _MAX_FIGURE),
}


def _record_of(cls: type, record: Any, subject: str) -> Any:
    """A dataclass of positive ints, and of what `_READERS` names."""
    names = [item.name for item in fields(cls)]
    values = _fields(record, subject, *names)
    readers = (_READERS.get(name, lambda value, text: _int(value, text, 1, _MAX_FIGURE)) for name in names)
    return cls(*(reader(value, f"{subject}'s {name}") for name, reader, value in zip(names, readers, values, strict=True)))
