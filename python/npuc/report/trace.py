# SPDX-License-Identifier: Apache-2.0
"""When every command ran, as a trace that Perfetto opens (ui.perfetto.dev, or chrome://tracing).

    tracks      one a queue; a command is named by its layer, a queue that is held by the semaphore it waits for
    flows       from what raised a semaphore to what it let go on
    instants    every signal; every host op, in a process of its own
    counters    SRAM bytes that hold a value still to be read (in units of 64 bytes), bytes a cycle through each port

Time stands in microseconds of the machine's own clock; cycles are in the arguments. Host ops cost no cycles and take no time here.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npuc.isa.base import Command, Space
from npuc.isa.program import HostSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.report.table import escaped
from npuc.targets.base import Target
from npuc.timing.engine import Timeline, simulate

GRANULE_BYTES = 64

_NPU, _HOST = 1, 2


@dataclass(frozen=True)
class Slice:
    """A stretch of time in one queue.

    Attributes:
        kind: mnemonic of the command, or "wait" where the queue was held.
        start, end: cycles since the program began.
        number: of the command in its segment.
        cause: for a wait: queue and cycle of the signal that ended it.
    """

    queue: str
    name: str
    kind: str
    start: int
    end: int
    segment: int
    number: int
    cause: tuple[str, int] | None = None


@dataclass(frozen=True)
class Counter:
    """A value over time: `values[i]` holds from `cycles[i]` on."""

    name: str
    cycles: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Trace:
    """Everything that happened in one inference, in cycles.

    Attributes:
        signals: queue, semaphore, count that it reached, cycle.
        host: op, layer and cycle at which its segment stands.
    """

    program: Program
    total_cycles: int
    slices: tuple[Slice, ...]
    signals: tuple[tuple[str, int, int, int], ...]
    counters: tuple[Counter, ...]
    host: tuple[tuple[str, str, int], ...]


def trace(program: Program, timelines: Sequence[Timeline] | None = None) -> Trace:
    """What happens in one inference of `program`.

    Args:
        timelines: one an NPU segment, in order; timed here where they are not given.
    """
    slices: list[Slice] = []
    signals: list[tuple[str, int, int, int]] = []
    host: list[tuple[str, str, int]] = []
    live, ports = [], {Space.SRAM: [], Space.DRAM: []}
    base, seen = 0, 0
    for index, segment in enumerate(program.segments):
        if isinstance(segment, HostSegment):
            host += [(call.op, call.location, base) for call in segment.calls]
            continue
        line = simulate(segment.commands, program.target) if timelines is None else timelines[seen]
        seen += 1
        found, raised = _queues(segment.commands, line, index, base)
        slices += found
        signals += raised
        live.append(_sram_changes(segment.commands, line, program.sram_bytes, base))
        for space, changes in _port_changes(segment.commands, line, program.target, base).items():
            ports[space].append(changes)
        base += line.total_cycles
    counters = (
        _counter("SRAM bytes in use", live),
        _counter("SRAM bytes/cycle", ports[Space.SRAM]),
        _counter("off-chip bytes/cycle", ports[Space.DRAM]),
    )
    return Trace(program, base, tuple(slices), tuple(signals), counters, tuple(host))


# what happened -------------------------------------------------------------------------------------


def _queues(commands: Sequence[Command], line: Timeline, segment: int, base: int) -> tuple[list[Slice], list[tuple[str, int, int, int]]]:
    """Slices of all queues, and the signals."""
    slices: list[Slice] = []
    signals: list[tuple[str, int, int, int]] = []
    raised: dict[int, list[tuple[str, int]]] = {}
    counts: dict[int, int] = {}
    for command, end in zip(commands, line.end_cycles, strict=True):
        if isinstance(command.instruction, Signal):
            semaphore = command.instruction.semaphore
            counts[semaphore] = counts.get(semaphore, 0) + 1
            raised.setdefault(semaphore, []).append((command.queue, base + end))
            signals.append((command.queue, semaphore, counts[semaphore], base + end))
    free = dict.fromkeys((command.queue for command in commands), base)
    for number, (command, start, end) in enumerate(zip(commands, line.start_cycles, line.end_cycles, strict=True)):
        instruction, queue, start, end = command.instruction, command.queue, base + start, base + end
        if isinstance(instruction, Wait) and end > free[queue]:
            cause = raised[instruction.semaphore][instruction.value - 1] if instruction.value else None
            slices.append(
                Slice(queue, f"wait s{instruction.semaphore} >= {instruction.value}", "wait", free[queue], end, segment, number, cause)
            )
        elif not isinstance(instruction, Wait | Signal):
            slices.append(Slice(queue, command.location or instruction.mnemonic, instruction.mnemonic, start, end, segment, number))
        free[queue] = end
    return slices, signals


_Changes = tuple[np.ndarray, np.ndarray]
"""Cycles, and by how much a value changes there."""


def _sram_changes(commands: Sequence[Command], line: Timeline, sram_bytes: int, base: int) -> _Changes:
    """A granule is in use from the start of a write to the end of the last read before the next write."""
    granules = -(-sram_bytes // GRANULE_BYTES)
    since, until = np.full(granules, -1, np.int64), np.full(granules, -1, np.int64)
    cycles, steps = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]

    def close(part: slice) -> None:
        used = until[part] > since[part]
        starts, ends = since[part][used], until[part][used]
        for found, step in ((starts, GRANULE_BYTES), (ends, -GRANULE_BYTES)):
            values, counts = np.unique(found, return_counts=True)
            cycles.append(values)
            steps.append(counts * step)

    def parts(views: Sequence[Any]) -> Iterator[slice]:
        for view in views:
            if view.space is Space.SRAM:
                for extent in view.extents():
                    yield slice(max(extent.low, 0) // GRANULE_BYTES, -(-extent.high // GRANULE_BYTES))

    for number in sorted(range(len(commands)), key=lambda index: (line.start_cycles[index], index)):
        instruction = commands[number].instruction
        start, end = base + line.start_cycles[number], base + line.end_cycles[number]
        for part in parts(instruction.reads()):
            until[part] = np.maximum(until[part], end)
        for part in parts(instruction.writes()):
            # rows that share a granule with others, and results in place, only prolong its use
            busy = until[part] >= start
            if not busy.any():
                close(part)
                since[part], until[part] = start, -1
            else:
                until[part] = np.maximum(until[part], end)
    close(slice(None))
    return np.concatenate(cycles), np.concatenate(steps)


def _port_changes(commands: Sequence[Command], line: Timeline, target: Target, base: int) -> dict[Space, _Changes]:
    """Each command moves its port bytes at an even rate from the end of its latency to its end."""
    rows: dict[Space, tuple[list[int], list[float]]] = {Space.SRAM: ([], []), Space.DRAM: ([], [])}
    for command, start, end in zip(commands, line.start_cycles, line.end_cycles, strict=True):
        if isinstance(command.instruction, Wait | Signal):
            continue
        begin = min(start + command.instruction.latency(target), end - 1)
        for space, size in command.instruction.cost(target)[1].items():
            if size and end > begin:
                rate = size / (end - begin)
                rows[space][0].extend((base + begin, base + end))
                rows[space][1].extend((rate, -rate))
    return {space: (np.array(cycles, np.int64), np.array(steps, np.float64)) for space, (cycles, steps) in rows.items()}


def _counter(name: str, changes: Sequence[_Changes]) -> Counter:
    if not changes:
        return Counter(name, np.zeros(1, np.int64), np.zeros(1))
    cycles, steps = (np.concatenate([change[part] for change in changes]) for part in range(2))
    points, index = np.unique(cycles, return_inverse=True)
    total = np.cumsum(np.bincount(index, steps, len(points))) if len(points) else np.zeros(0)
    # sums of rates leave a rest of rounding where nothing moves
    total = np.where(np.abs(total) < 1e-9, 0.0, total)
    if len(points) and points[0] == 0:
        return Counter(name, points, total)
    return Counter(name, np.concatenate(([0], points)), np.concatenate(([0.0], total)))


# Perfetto ------------------------------------------------------------------------------------------


def to_json(found: Trace) -> str:
    """The trace in Chrome's JSON format, one event a line."""
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in _events(found))
    other = json.dumps({"target": found.program.target.name, "cycles": found.total_cycles, "clock_hz": found.program.target.clock_hz})
    return f'{{"displayTimeUnit":"ns","otherData":{other},"traceEvents":[\n{lines}\n]}}\n'


def _events(found: Trace) -> Iterator[dict[str, Any]]:
    target = found.program.target
    micro = 1e6 / target.clock_hz
    names = found.program.metadata.get("name")
    title = f"{names} on {target.name}" if isinstance(names, str) and names else target.name
    tracks = {name: number for number, name in enumerate(target.queue_names, 1)}

    def at(cycle: float) -> float:
        return round(cycle * micro, 6)

    def meta(kind: str, pid: int, tid: int, args: dict[str, Any]) -> dict[str, Any]:
        return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": args}

    yield meta("process_name", _NPU, 0, {"name": title})
    for name, tid in tracks.items():
        yield meta("thread_name", _NPU, tid, {"name": name})
        yield meta("thread_sort_index", _NPU, tid, {"sort_index": tid})
    if found.host:
        yield meta("process_name", _HOST, 0, {"name": "host"})
        yield meta("thread_name", _HOST, 1, {"name": "host ops"})
    # queues and cycles at which work ended: a flow has to start inside a slice
    ends: set[tuple[str, int]] = set()
    for one in found.slices:
        args: dict[str, Any] = {"command": one.number, "cycles": one.end - one.start, "start_cycle": one.start}
        if one.kind != "wait":
            ends.add((one.queue, one.end))
            args["instruction"] = one.kind
        yield {
            "ph": "X", "name": one.name, "cat": one.kind, "pid": _NPU, "tid": tracks[one.queue], "ts": at(one.start),
            "dur": at(one.end - one.start), "args": args,
        }  # fmt: skip
    for number, one in enumerate(one for one in found.slices if one.cause is not None and one.cause in ends):
        queue, cycle = one.cause or ("", 0)
        common = {"cat": "semaphore", "name": one.name, "id": number, "pid": _NPU, "ts": at(cycle - 0.1)}
        yield {"ph": "s", **common, "tid": tracks[queue]}
        yield {"ph": "f", "bp": "e", **common, "tid": tracks[one.queue]}
    for queue, semaphore, count, cycle in found.signals:
        name = f"signal s{semaphore} = {count}"
        yield {"ph": "i", "s": "t", "name": name, "cat": "semaphore", "pid": _NPU, "tid": tracks[queue], "ts": at(cycle)}
    for op, layer, cycle in found.host:
        yield {"ph": "i", "s": "t", "name": layer or op, "cat": op, "pid": _HOST, "tid": 1, "ts": at(cycle)}
    for counter in found.counters:
        for cycle, value in zip(counter.cycles.tolist(), counter.values.tolist(), strict=True):
            yield {"ph": "C", "name": counter.name, "pid": _NPU, "tid": 0, "ts": at(cycle), "args": {"value": round(value, 3)}}


# picture -------------------------------------------------------------------------------------------

_WIDTH, _LEFT, _RIGHT, _ROW, _PLOT = 1200, 120, 12, 26, 64
_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#ff9da7", "#9c755f")


def to_svg(found: Trace, first_cycle: int = 0, last_cycle: int | None = None) -> str:
    """A picture: a row a queue, coloured by layer, and the counters below.

    Args:
        first_cycle, last_cycle: the stretch that is drawn; by default all of it.
    """
    last = max(found.total_cycles if last_cycle is None else last_cycle, first_cycle + 1)
    scale = (_WIDTH - _LEFT - _RIGHT) / (last - first_cycle)
    target = found.program.target
    queues = [name for name in target.queue_names if any(one.queue == name for one in found.slices)]
    height = 40 + len(queues) * _ROW + len(found.counters) * (_PLOT + 10) + 30

    def x(cycle: float) -> float:
        return round(_LEFT + (min(max(cycle, first_cycle), last) - first_cycle) * scale, 2)

    name = found.program.metadata.get("name")
    title = f"{name} on {target.name}" if isinstance(name, str) and name else target.name
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="18" font-size="14" fill="#222222">{escaped(title)}: cycles {first_cycle} to {last}, '
        f"{(last - first_cycle) / target.clock_hz * 1e3:.3f} ms</text>",
    ]
    layers: dict[str, str] = {}
    for row, queue in enumerate(queues):
        top = 30 + row * _ROW
        parts.append(f'<text x="{_LEFT - 8}" y="{top + 16}" text-anchor="end" fill="#222222">{escaped(queue)}</text>')
        parts.append(f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH - _LEFT - _RIGHT}" height="{_ROW - 4}" fill="#f2f2f2"/>')
        for one in found.slices:
            if one.queue != queue or one.kind == "wait" or one.end <= first_cycle or one.start >= last:
                continue
            colour = layers.setdefault(one.name, _COLOURS[len(layers) % len(_COLOURS)])
            width = max(x(one.end) - x(one.start), 0.2)
            text = f"{escaped(one.name)}: {one.kind}, {one.end - one.start} cycles"
            box = f'x="{x(one.start)}" y="{top}" width="{width:.2f}" height="{_ROW - 4}" fill="{colour}"'
            parts.append(f"<rect {box}><title>{text}</title></rect>")
    top = 40 + len(queues) * _ROW
    for counter in found.counters:
        parts += _plot(counter, top, first_cycle, last)
        top += _PLOT + 10
    for step in range(5):
        cycle = first_cycle + (last - first_cycle) * step // 4
        anchor = "start" if step == 0 else "end" if step == 4 else "middle"
        parts.append(f'<text x="{x(cycle)}" y="{top + 12}" text-anchor="{anchor}" fill="#666666">{cycle}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _plot(counter: Counter, top: int, first: int, last: int) -> list[str]:
    """A counter as an area: the greatest value under each pixel."""
    columns = _WIDTH - _LEFT - _RIGHT
    edges = first + np.arange(columns + 1) * (last - first) / columns
    begin = np.maximum(np.searchsorted(counter.cycles, edges[:-1], side="right") - 1, 0)
    end = np.maximum(np.searchsorted(counter.cycles, edges[1:], side="left"), begin + 1)
    values = np.array([counter.values[low:high].max(initial=0) for low, high in zip(begin, end, strict=True)])
    peak = max(float(values.max(initial=0)), 1e-9)
    heights = np.round(_PLOT * values / peak, 1)
    steps = " ".join(f"H{_LEFT + i}V{top + _PLOT - value:g}" for i, value in enumerate(heights) if i == 0 or value != heights[i - 1])
    return [
        f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end" font-size="10" fill="#222222">{escaped(counter.name)}</text>',
        f'<text x="{_LEFT - 8}" y="{top + 26}" text-anchor="end" font-size="10" fill="#666666">peak {peak:.6g}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{columns}" height="{_PLOT}" fill="#f8f8f8"/>',
        f'<path d="M{_LEFT} {top + _PLOT}{steps}H{_LEFT + columns}V{top + _PLOT}Z" fill="#4e79a7" fill-opacity="0.6"/>',
    ]
