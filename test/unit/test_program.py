# SPDX-License-Identifier: Apache-2.0
"""The program file: nothing is lost, equal programs are equal bytes, and no bytes whatever do more than raise ProgramError."""

import json
import os
import pathlib
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest

from npuc import targets
from npuc.errors import ProgramError, ProgramTarget, ProgramVersion
from npuc.isa import program as format
from npuc.isa.program import Edge, HostCall, HostSegment, NpuSegment, Port, Program, Tensor, target_from_dict
from npuc.runtime import load
from samples import programs

WHOLE = programs.program()
DATA = WHOLE.to_bytes()


def test_a_program_comes_back_from_its_bytes():
    again = Program.from_bytes(DATA)
    assert again == WHOLE
    assert again.to_bytes() == DATA


def test_a_program_of_nothing_comes_back():
    empty = Program(targets.get("pico-64"), (), (), (), (), b"", 0, 0)
    assert Program.from_bytes(empty.to_bytes()) == empty


@pytest.mark.parametrize("name", targets.names())
def test_a_machine_comes_back_from_its_figures(name):
    assert target_from_dict(targets.get(name).to_dict()).fingerprint == targets.get(name).fingerprint


def test_two_processes_with_other_hash_seeds_write_the_same_bytes():
    script = "import sys; from samples import programs; sys.stdout.buffer.write(programs.program().to_bytes())"
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join([root, *filter(None, sys.path)])
    found = {
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {DATA}


def test_the_first_bytes_say_what_it_is():
    assert DATA[:4] == b"NPUB" and struct.unpack_from("<HH", DATA, 4) == (format.MAJOR, format.MINOR)


# other versions, other machines ----------------------------------------------------------------


def sealed(data):
    """`data` with every CRC made right again."""
    data = bytearray(data)
    count = struct.unpack_from("<I", data, 8)[0]
    end = 12 + 28 * count
    for index in range(count):
        at = 12 + 28 * index
        offset, size = struct.unpack_from("<QQ", data, at + 8)
        if offset + size <= len(data):
            struct.pack_into("<I", data, at + 24, zlib.crc32(data[offset : offset + size]))
    if end + 4 <= len(data):
        struct.pack_into("<I", data, end, zlib.crc32(data[:end]))
    return bytes(data)


def with_section(name, content):
    """The sample with one section's bytes replaced, sealed."""
    count = struct.unpack_from("<I", DATA, 8)[0]
    sections = {}
    for index in range(count):
        raw, offset, size, _ = struct.unpack_from("<8sQQI", DATA, 12 + 28 * index)
        sections[raw.rstrip(b"\0").decode()] = DATA[offset : offset + size]
    sections[name] = content(sections[name]) if callable(content) else content
    head, offset = bytearray(struct.pack("<4sHHI", b"NPUB", format.MAJOR, format.MINOR, len(sections))), 12 + 28 * len(sections) + 4
    for key, value in sections.items():
        head += struct.pack("<8sQQI", key.encode(), offset, len(value), zlib.crc32(value))
        offset += len(value)
    return bytes(head) + struct.pack("<I", zlib.crc32(head)) + b"".join(sections.values())


def changed(**values):
    """A replacement for the content of a JSON object section."""
    return lambda content: json.dumps({**json.loads(content), **values}).encode()


def test_a_newer_major_version_is_refused_by_name():
    data = bytearray(DATA)
    struct.pack_into("<H", data, 4, format.MAJOR + 1)
    with pytest.raises(ProgramVersion, match=rf"found: {format.MAJOR + 1}\.{format.MINOR}"):
        Program.from_bytes(sealed(data))


def test_a_newer_minor_version_and_its_unknown_sections_are_taken():
    data = bytearray(with_section("novel", b"whatever"))
    struct.pack_into("<H", data, 6, format.MINOR + 7)
    assert Program.from_bytes(sealed(data)) == WHOLE


def test_another_machine_of_the_same_name_is_refused_naming_both():
    slower = replace(WHOLE.target, sram=replace(WHOLE.target.sram, bytes_per_cycle=Fraction(16)))
    data = replace(WHOLE, target=slower).to_bytes()
    with pytest.raises(ProgramTarget) as failure:
        Program.from_bytes(data)
    assert slower.fingerprint in str(failure.value) and WHOLE.target.fingerprint in str(failure.value)


def test_another_sram_capacity_is_the_same_machine():
    again = Program.from_bytes(programs.program(sram_kib=64).to_bytes())
    assert again.target.sram.bytes == 64 * 1024


def test_a_machine_unknown_here_travels_with_the_program():
    foreign = replace(WHOLE.target, name="theirs", clock_hz=1)
    assert Program.from_bytes(replace(WHOLE, target=foreign).to_bytes()).target.fingerprint == foreign.fingerprint


# damage ------------------------------------------------------------------------------------------


def mutated(random):
    """Some bytes changed, cut out, doubled or inserted."""
    data = bytearray(DATA)
    for _ in range(int(random.integers(1, 5))):
        at = int(random.integers(len(data)))
        kind = random.integers(5)
        if kind < 2:
            data[at] = int(random.integers(256))
        elif kind == 2:
            data[at] ^= 1 << int(random.integers(8))
        elif kind == 3:
            del data[at : at + int(random.integers(1, 40))]
        else:
            data[at:at] = data[at : at + int(random.integers(1, 40))]
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_bytes_raise_program_error_or_load_soundly(seed):
    """Half of them with their CRCs made right again, so that the checks behind the CRC are what answers."""
    random = np.random.default_rng(seed)
    refused = 0
    for trial in range(150):
        data = mutated(random)
        if trial % 2 and len(data) > 300:
            try:
                data = sealed(data)
            except struct.error:
                continue
        try:
            found = load(data, engine="numpy").program
        except ProgramError as error:
            refused += 1
            assert error.code.startswith("NPU50") and len(str(error)) < 2000
            continue
        assert Program.from_bytes(found.to_bytes()) == found
    assert refused > 75


@pytest.mark.parametrize("size", [0, 1, 3, 4, 11, 12, 40, 300, len(DATA) - 1])
def test_a_file_cut_short_raises_program_error(size):
    for data in (DATA[:size], sealed(DATA[:size]) if size > 300 else DATA[:size]):
        with pytest.raises(ProgramError):
            Program.from_bytes(data)


HOSTILE = {
    "a billion brackets": ("layers", b"[" * 2_000_000),
    "a number without end": ("places", b"[" + b"9" * 100_000 + b"]"),
    "not a number": ("notes", b'{"certificates": {"a": NaN}, "metadata": {}}'),
    "a number for notes": ("notes", b'{"certificates": {}, "metadata": {"float": "nan"}}'),
    "not text": ("places", b"\xff\xfe\x00"),
    "no object": ("tensors", b"[]"),
    "too many fields": ("notes", changed(more=1)),
    "all of memory": ("tensors", changed(dram_bytes=1 << 62)),
    "memory below nothing": ("tensors", changed(sram_bytes=-1)),
    "a true size": ("tensors", changed(sram_bytes=True)),
    "no segments": ("segments", changed(segments=None)),
    "a segment twice": ("segments", lambda c: changed(segments=json.loads(c)["segments"] + [{"kind": "npu", "offset": 0, "size": 10}])(c)),
    "an unknown segment": ("segments", changed(segments=[{"kind": "gpu", "offset": 0, "size": 0}])),
    "queues of another machine": ("segments", changed(queues=["a", "b", "c", "d"])),
    "an exponent": ("target", lambda c: c.replace(b'"bytes_per_cycle":"32"', b'"bytes_per_cycle":"1e999999999"')),
    "no rows": ("target", lambda c: c.replace(b'"rows":2', b'"rows":0')),
    "a wrong fingerprint": ("target", changed(fingerprint="0" * 16)),
    "no commands": ("commands", b""),
    "more commands": ("commands", lambda c: c + c[:100]),
    "constants beyond the memory": ("consts", b"\0" * (WHOLE.dram_bytes + 1)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_section_raises_program_error_at_once(case):
    start = time.process_time()
    with pytest.raises(ProgramError):
        load(with_section(*HOSTILE[case]))
    assert time.process_time() - start < 5


CALLS = {
    "an op that is none": HostCall("os.system", {}, (0,), 3),
    "an op outside the closed set": HostCall("__import__", {"name": "os"}, (0,), 3),
    "a parameter too many": HostCall("quantize", {"scale": 0.1, "zp": 0, "lo": -128, "hi": 127, "more": 1}, (0,), 1),
    "a parameter of another type": HostCall("quantize", {"scale": "0.1", "zp": 0, "lo": -128, "hi": 127}, (0,), 1),
    "an input of another type": HostCall("quantize", {"scale": 0.1, "zp": 0, "lo": -128, "hi": 127}, (1,), 2),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_host_call_that_is_not_sound_is_refused_before_anything_runs(case):
    hostile = replace(WHOLE, segments=(HostSegment((CALLS[case],)), *WHOLE.segments[1:]))
    with pytest.raises(ProgramError):
        load(hostile.to_bytes())


def test_a_tensor_outside_the_memory_is_refused():
    tensors = (*WHOLE.tensors[:1], replace(WHOLE.tensors[1], dram_offset=WHOLE.dram_bytes - 10), *WHOLE.tensors[2:])
    with pytest.raises(ProgramError, match="address of tensor"):
        Program.from_bytes(replace(WHOLE, tensors=tensors).to_bytes())


@pytest.mark.parametrize(
    "change", [{"inputs": (Port("x", 9),)}, {"outputs": (Port("y", 0), Port("y", 1))}, {"tensors": (Tensor(0, "x", "c64", (1,)),)}]
)
def test_ports_and_tensors_are_checked(change):
    with pytest.raises((ProgramError, KeyError)):
        Program.from_bytes(replace(WHOLE, **change).to_bytes())


def test_what_a_program_holds_is_all_in_the_file():
    """A new field of a record reaches the file by itself, or this fails."""
    assert {f.name for f in fields(Program)} == {
        "target", "inputs", "outputs", "tensors", "segments", "constants", "dram_bytes", "sram_bytes", "layers", "certificates", "metadata",
    }  # fmt: skip
    assert {f.name for f in fields(NpuSegment)} == {"commands", "inputs", "outputs"}


def through_sram(offset):
    """A program whose first tensor passes through SRAM at `offset`."""
    segment = next(one for one in WHOLE.segments if isinstance(one, NpuSegment))
    segments = tuple(replace(one, inputs=(Edge(0, offset),)) if one is segment else one for one in WHOLE.segments)
    return replace(WHOLE, segments=segments)


def test_tensors_that_pass_through_sram_are_in_the_file():
    program = through_sram(0)
    size = program.tensors[0].bytes
    roomy = replace(program, sram_bytes=max(program.sram_bytes, size))
    assert Program.from_bytes(roomy.to_bytes()) == roomy
    with pytest.raises(ProgramError, match="SRAM address of tensor 'image'"):
        Program.from_bytes(replace(through_sram(1), sram_bytes=size).to_bytes())


# released versions ---------------------------------------------------------------------------------


def test_a_file_of_every_released_minor_version_still_runs(update_golden):
    """test/golden holds one a version; a new version adds one and leaves the others."""
    folder = pathlib.Path(__file__).resolve().parent.parent / "golden"
    path = folder / f"program-{format.MAJOR}.{format.MINOR}.npub"
    if update_golden:
        path.write_bytes(DATA)
    x = np.random.default_rng(0).uniform(-6, 6, WHOLE.tensors[0].shape).astype(np.float32)
    expected = load(WHOLE, "numpy").run(x)
    files = sorted(folder.glob(f"program-{format.MAJOR}.*.npub"))
    assert path in files
    for file in files:
        np.testing.assert_array_equal(load(file, "numpy").run(x), expected)
