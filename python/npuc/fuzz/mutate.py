# SPDX-License-Identifier: Apache-2.0
"""Damages a sound file: as any bytes, and as one who knows the format would."""

import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator

# Edits of one file.
_MOST_EDITS = 4
# Half of the damaged programs get the checksums that go with them.
_RESEALED = 0.5
_EXTREMES = (0, 1, -1, 2, 127, 128, 255, 256, (1 << 15) - 1, 1 << 15, (1 << 16) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, -(1 << 63), 1 << 63)
_SECTION = struct.Struct("<8sQQI")
_HEAD = struct.Struct("<4sHHI")


def mutate(data: bytes, suffix: str, rng: Rng) -> bytes:
    """`data`, a sound file of kind `suffix` (.npub, .tflite, .mlir), damaged in one to four places."""
    # one most often: what is damaged in one place gets further than what is damaged in many
    for _ in range(1 if rng.random() < 0.6 else int(rng.integers(2, _MOST_EDITS + 1))):
        edits = (*_BYTES, *_OF_FORMAT.get(suffix, ()) * 2)
        if suffix == ".mlir" and data.startswith(b"ML\xefR"):
            edits = _BYTES
        data = edits[int(rng.integers(len(edits)))](data, rng)
    return _sealed(data) if suffix == ".npub" and rng.random() < _RESEALED else data


def _at(data: bytes, rng: Rng, size: int = 1) -> int:
    """A place where so many bytes stand."""
    return int(rng.integers(max(1, len(data) - size + 1)))


# any bytes -------------------------------------------------------------------------------------------


def _flip(data: bytes, rng: Rng) -> bytes:
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 9))) if out else ():
        out[_at(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(out)


def _truncate(data: bytes, rng: Rng) -> bytes:
    return data[: _at(data, rng)]


def _splice(data: bytes, rng: Rng) -> bytes:
    """A piece of the file once more, somewhere else."""
    start = _at(data, rng)
    piece = data[start : start + int(rng.integers(1, 65))]
    at = _at(data, rng)
    return data[:at] + piece + data[at + (len(piece) if rng.random() < 0.5 else 0) :]


def _cut(data: bytes, rng: Rng) -> bytes:
    at = _at(data, rng)
    return data[:at] + data[at + int(rng.integers(1, 65)) :]


def _noise(data: bytes, rng: Rng) -> bytes:
    at = _at(data, rng)
    size = int(rng.integers(1, 17))
    return data[:at] + rng.integers(0, 256, size, dtype=np.uint8).tobytes() + data[at + size :]


def _extreme(data: bytes, rng: Rng) -> bytes:
    """A field of 1, 2, 4 or 8 bytes at a place where one may stand."""
    size = (1, 2, 4, 8)[int(rng.integers(4))]
    at = _at(data, rng, size) // size * size
    value = _EXTREMES[int(rng.integers(len(_EXTREMES)))] & ((1 << 8 * size) - 1)
    return data[:at] + value.to_bytes(size, "little") + data[at + size :]


_BYTES: tuple[Callable[[bytes, Rng], bytes], ...] = (_flip, _truncate, _splice, _cut, _noise, _extreme)


# .npub -----------------------------------------------------------------------------------------------


def _parts(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """The head and (name, bytes) of each section; None where the table is no longer readable."""
    if len(data) < _HEAD.size:
        return None
    count = _HEAD.unpack_from(data)[3]
    end = _HEAD.size + _SECTION.size * count
    if count > 64 or end + 4 > len(data):
        return None
    entries = (_SECTION.unpack_from(data, _HEAD.size + _SECTION.size * index) for index in range(count))
    return data[: _HEAD.size], [(name, data[offset : offset + size]) for name, offset, size, _ in entries]


def _assembled(head: bytes, sections: list[tuple[bytes, bytes]]) -> bytes:
    """The file with these sections, table and checksums right."""
    table = bytearray(head[: _HEAD.size - 4] + struct.pack("<I", len(sections)))
    offset = _HEAD.size + _SECTION.size * len(sections) + 4
    for name, data in sections:
        table += _SECTION.pack(name, offset, len(data), zlib.crc32(data))
        offset += len(data)
    return b"".join((bytes(table), struct.pack("<I", zlib.crc32(table)), *(data for _, data in sections)))


def _sealed(data: bytes) -> bytes:
    parts = _parts(data)
    return data if parts is None else _assembled(*parts)


def _section(data: bytes, rng: Rng) -> bytes:
    """One section damaged as bytes, or as the JSON that it is; now and then gone, or there twice."""
    parts = _parts(data)
    if parts is None or not parts[1]:
        return _flip(data, rng)
    head, sections = parts
    index = int(rng.integers(len(sections)))
    name, content = sections[index]
    choice = rng.random()
    if choice < 0.03:
        del sections[index]
    elif choice < 0.06:
        sections.append((name, content))
    elif content[:1] in (b"{", b"["):
        sections[index] = name, _json(content, rng)
    else:
        sections[index] = name, (_flip, _extreme, _extreme, _splice, _cut)[int(rng.integers(5))](content, rng)
    return _assembled(head, sections)


def _json(content: bytes, rng: Rng) -> bytes:
    """One value of a document replaced by another, of its kind or of any."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return _flip(content, rng)
    places = list(_places(value))
    if not places:
        return _flip(content, rng)
    # most values are numbers of a few kinds: each kind of key is as likely as any other
    keys = sorted({str(key) if isinstance(key, str) else "" for _, key in places})
    key = keys[int(rng.integers(len(keys)))]
    suited = [place for place in places if (place[1] if isinstance(place[1], str) else "") == key]
    holder, at = suited[int(rng.integers(len(suited)))]
    if rng.random() < 0.1:
        del holder[at]
    else:
        holder[at] = _other(holder[at], rng)
    return json.dumps(value).encode()


def _places(value: Any) -> Any:
    """(holder, key) of every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def _other(value: Any, rng: Rng) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.5:
        return value + int(rng.integers(-3, 4))
    numbers = [*_EXTREMES, 1 << 20, 1 << 40, 1 << 100, 0.5, 1e308]
    others = [*numbers, *numbers, None, True, "", "x" * 5000, [], {}, [[]], [0] * 1000, _nested(200), "1/3", "conv2d", {"float": "nan"}]
    return others[int(rng.integers(len(others)))]


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


# .tflite ---------------------------------------------------------------------------------------------


def _offset(data: bytes, rng: Rng) -> bytes:
    """A word that may be an offset, to somewhere else in the file or out of it."""
    if len(data) < 8:
        return _flip(data, rng)
    at = _at(data, rng, 4) // 4 * 4
    old = int.from_bytes(data[at : at + 4], "little")
    targets = (old + 4, old - 4, old ^ 1, len(data) - at, len(data), len(data) - 4, -at, 0, 4, 1 << 31, (1 << 32) - 4, int(rng.integers(len(data))))
    value = targets[int(rng.integers(len(targets)))]
    return data[:at] + (value & 0xFFFFFFFF).to_bytes(4, "little") + data[at + 4 :]


def _vtable(data: bytes, rng: Rng) -> bytes:
    """A half word that may be an entry of a table of fields."""
    if len(data) < 4:
        return _flip(data, rng)
    at = _at(data, rng, 2) // 2 * 2
    value = (0, 4, 8, 12, 0xFFFF, 0x8000, int(rng.integers(64)))[int(rng.integers(7))]
    return data[:at] + value.to_bytes(2, "little") + data[at + 2 :]


# .mlir -----------------------------------------------------------------------------------------------

_TOKEN = re.compile(rb"[\w.$%@!#-]+|\s+|.", re.DOTALL)


def _number(data: bytes, rng: Rng) -> bytes:
    """A number of the text, shapes among them, is another one."""
    numbers = list(re.finditer(rb"-?\d+", data))
    if not numbers:
        return _flip(data, rng)
    found = numbers[int(rng.integers(len(numbers)))]
    values = [*_EXTREMES, int(found[0]) + int(rng.integers(-3, 4)), 1 << 20, 1 << 70]
    return data[: found.start()] + str(values[int(rng.integers(len(values)))]).encode() + data[found.end() :]


def _token(data: bytes, rng: Rng) -> bytes:
    """A word of the text goes, stands twice, or is another one of the text."""
    tokens = _TOKEN.findall(data)
    if len(tokens) < 2:
        return _flip(data, rng)
    at, other = int(rng.integers(len(tokens))), int(rng.integers(len(tokens)))
    tokens[at : at + 1] = ([], [tokens[at]] * 2, [tokens[other]])[int(rng.integers(3))]
    return b"".join(tokens)


def _line(data: bytes, rng: Rng) -> bytes:
    """A line goes, stands twice, or elsewhere."""
    lines = data.split(b"\n")
    at, to = int(rng.integers(len(lines))), int(rng.integers(len(lines)))
    match int(rng.integers(3)):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case _:
            lines.insert(to, lines.pop(at))
    return b"\n".join(lines)


def _brackets(data: bytes, rng: Rng) -> bytes:
    """Deep nesting in the midst of a line."""
    at = _at(data, rng)
    opening = (b"(", b"[", b"{", b"<", b"tensor<", b"tuple<", b"loc(", b"dense<[")[int(rng.integers(8))]
    return data[:at] + opening * int(rng.integers(1, 3000)) + data[at:]


_OF_FORMAT: dict[str, tuple[Callable[[bytes, Rng], bytes], ...]] = {
    ".npub": (_section, _section, _section, _section, _section),
    ".tflite": (_offset, _offset, _vtable, _extreme),
    ".mlir": (_number, _number, _token, _token, _line, _brackets),
}
