# SPDX-License-Identifier: Apache-2.0
"""The trace of a program: parsed as a reader of the format does, and held against the timeline."""

import json
import xml.etree.ElementTree

import numpy as np
import pytest

from npuc import targets
from npuc.isa.base import Command, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.program import NpuSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.report.trace import to_json, to_svg, trace
from npuc.timing import simulate
from samples import programs

PROGRAM = programs.program(5)
TARGET = PROGRAM.target
SEGMENT = next(segment for segment in PROGRAM.segments if isinstance(segment, NpuSegment))
LINE = simulate(SEGMENT.commands, TARGET)
TRACE = trace(PROGRAM)


def parsed(text):
    """Events by phase; what every event must have is there."""
    document = json.loads(text)
    phases = {}
    for event in document["traceEvents"]:
        assert {"ph", "name", "pid", "tid"} <= event.keys()
        if event["ph"] != "M":
            assert event["ts"] >= 0
        phases.setdefault(event["ph"], []).append(event)
    return document, phases


DOCUMENT, PHASES = parsed(to_json(TRACE))


def cycles(micro):
    return round(micro * TARGET.clock_hz / 1e6)


def test_every_command_is_a_slice_in_its_queue_named_by_its_layer():
    tracks = {event["tid"]: event["args"]["name"] for event in PHASES["M"] if event["name"] == "thread_name" and event["pid"] == 1}
    assert list(tracks.values()) == list(TARGET.queue_names)
    found = {
        (tracks[event["tid"]], event["args"]["command"], event["name"], cycles(event["ts"]), cycles(event["dur"]))
        for event in PHASES["X"]
        if event["cat"] != "wait"
    }
    assert found == {
        (command.queue, number, command.location, LINE.start_cycles[number], LINE.end_cycles[number] - LINE.start_cycles[number])
        for number, command in enumerate(SEGMENT.commands)
        if not isinstance(command.instruction, Wait | Signal)
    }
    assert DOCUMENT["otherData"] == {"target": "edge-256", "cycles": LINE.total_cycles, "clock_hz": TARGET.clock_hz}


def test_slices_of_one_queue_do_not_overlap():
    for tid in {event["tid"] for event in PHASES["X"]}:
        spans = sorted((event["ts"], event["ts"] + event["dur"]) for event in PHASES["X"] if event["tid"] == tid)
        assert all(end <= start + 1e-6 for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


def test_flows_start_and_end_inside_slices_and_every_signal_is_an_instant():
    starts, ends = ({event["id"]: event for event in PHASES[phase]} for phase in "sf")
    assert starts.keys() == ends.keys() and starts
    for event in (*starts.values(), *ends.values()):
        around = [one for one in PHASES["X"] if one["tid"] == event["tid"] and one["ts"] <= event["ts"] <= one["ts"] + one["dur"]]
        assert around, event
    for number, start in starts.items():
        assert start["ts"] <= ends[number]["ts"]
    signals = [command for command in SEGMENT.commands if isinstance(command.instruction, Signal)]
    assert len([event for event in PHASES["i"] if event["cat"] == "semaphore"]) == len(signals)
    assert [event["name"] for event in PHASES["i"] if event["pid"] == 2] == ["image", "features"]


def test_the_bytes_under_a_port_counter_are_those_of_the_timeline():
    for name, space in (("SRAM bytes/cycle", Space.SRAM), ("off-chip bytes/cycle", Space.DRAM)):
        counter = next(one for one in TRACE.counters if one.name == name)
        moved = float((np.diff(counter.cycles) * counter.values[:-1]).sum())
        assert moved == pytest.approx(LINE.port_bytes[space])
        assert counter.values.min() >= 0 and counter.values[-1] == 0


def test_sram_is_in_use_from_a_write_to_its_last_read():
    """128 bytes arrive, are taken away twice, and are then free; what is never read is never in use."""
    dense = Operand.dense
    commands = [
        Command(Dma(src=dense(Space.DRAM, 0, (1, 1, 1, 128)), dst=dense(Space.SRAM, 64, (1, 1, 1, 128))), "dma0", "in"),
        Command(Dma(src=dense(Space.SRAM, 64, (1, 1, 1, 128)), dst=dense(Space.DRAM, 256, (1, 1, 1, 128))), "dma0", "out"),
        Command(Dma(src=dense(Space.SRAM, 64, (1, 1, 1, 64)), dst=dense(Space.DRAM, 512, (1, 1, 1, 64))), "dma0", "out"),
        Command(Dma(dst=dense(Space.SRAM, 640, (1, 1, 1, 64)), fill_value=1), "dma0", "never read"),
    ]
    program = Program(targets.get("edge-256"), (), (), (), (NpuSegment(tuple(commands)),), bytes(128), 1024, 1024)
    line = simulate(commands, program.target)
    used = trace(program).counters[0]
    assert used.cycles.tolist() == sorted({0, *line.end_cycles[1:3]})
    assert used.values.tolist() == [128.0, 64.0, 0.0]


def test_the_picture_is_well_formed_and_shows_every_command():
    root = xml.etree.ElementTree.fromstring(to_svg(TRACE))
    shown = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if len(one)]
    work = [command for command in SEGMENT.commands if not isinstance(command.instruction, Wait | Signal)]
    assert len(shown) == len(work)
    part = xml.etree.ElementTree.fromstring(to_svg(TRACE, 100, 300))
    assert 0 < len([one for one in part.iter("{http://www.w3.org/2000/svg}rect") if len(one)]) < len(work)


def test_a_program_without_commands_has_an_empty_trace():
    empty = Program(TARGET, (), (), (), (), b"", 0, 0)
    assert parsed(to_json(trace(empty)))[1].keys() == {"M", "C"}
    xml.etree.ElementTree.fromstring(to_svg(trace(empty)))
