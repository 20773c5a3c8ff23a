# SPDX-License-Identifier: Apache-2.0
"""Semaphores by conflicts: each command waits for the earlier ones of other queues whose bytes it needs or changes.

Two commands conflict where both touch a byte and one of them writes it. What a command's queue knows to be complete already, by any
chain of earlier waits, it does not wait for again. Where npuc._native is built, its copy of this runs instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npuc import native
from npuc.errors import InternalError
from npuc.isa.base import Command, Extent, Instruction, Space
from npuc.isa.dma import Dma
from npuc.isa.sync import Signal, Wait
from npuc.targets.base import Target
from npuc.timing.engine import figures

# accesses that nobody can wait for any more are forgotten every so many commands
PRUNE_COMMANDS = 512

# dimensions of an extent in the rows that the engine in C++ reads, and their columns
DIMENSIONS = 4
COMMAND_COLUMNS, TOUCH_COLUMNS = 9, 6 + 2 * DIMENSIONS

Access = tuple[Space, Extent, bool]
"""memory, bytes, whether they are written."""


_COLUMNS = ("low", "high", "write", "command", "queue", "place", "end")


@dataclass
class _Clocks:
    """A rough clock: when each queue and the off-chip port are free. It decides which of several DMA queues takes a transfer."""

    target: Target
    free: dict[str, int]
    port: int = 0

    def queue(self, command: Command, ready: int) -> str:
        """The queue of a command: of the DMA queues the one that starts it first, its own where that is no later."""
        names = self.target.queues["dma"]
        if len(names) < 2 or command.queue not in names:
            return command.queue
        return min(names, key=lambda name: (max(self.free[name], ready), name != command.queue, names.index(name)))

    def run(self, instruction: Instruction, queue: str, ready: int) -> int:
        """When the instruction ends in `queue`."""
        start = max(self.free[queue], ready)
        if isinstance(instruction, Dma):
            moved = instruction.traffic(self.target).get(Space.DRAM, 0)
            end = self.port = max(start + instruction.latency(self.target), self.port) + self.target.dram.cycles(moved)
        else:
            end = start + instruction.cycles(self.target)
        self.free[queue] = end
        return end


@dataclass
class _Accesses:
    """Everything touched so far in one memory, as growing arrays."""

    low: np.ndarray
    high: np.ndarray
    write: np.ndarray
    command: np.ndarray
    queue: np.ndarray
    place: np.ndarray
    end: np.ndarray
    extents: list[Extent]
    count: int = 0

    @classmethod
    def empty(cls) -> "_Accesses":
        size = 1024
        low, high, command, queue, place, end = (np.zeros(size, np.int64) for _ in range(6))
        return cls(low, high, np.zeros(size, bool), command, queue, place, end, [])

    def add(self, extent: Extent, write: bool, command: int, queue: int, place: int, end: int) -> None:
        if self.count == len(self.low):
            for name in _COLUMNS:
                array = getattr(self, name)
                setattr(self, name, np.concatenate((array, np.zeros_like(array))))
        self.low[self.count], self.high[self.count] = extent.low, extent.high
        self.write[self.count], self.command[self.count] = write, command
        self.queue[self.count], self.place[self.count], self.end[self.count] = queue, place, end
        self.extents.append(extent)
        self.count += 1

    def prune(self, known: Sequence[Sequence[int]]) -> None:
        """Forget what every other queue knows to be complete: nothing later needs to wait for it."""
        count = self.count
        surest = np.array([min(clock[queue] for other, clock in enumerate(known) if other != queue) for queue in range(len(known))])
        kept = np.nonzero(self.place[:count] > surest[self.queue[:count]])[0]
        for name in _COLUMNS:
            array = getattr(self, name)
            array[: len(kept)] = array[kept]
        self.extents = [self.extents[index] for index in kept]
        self.count = len(kept)

    def ready(self, extent: Extent, write: bool) -> int:
        """When the accesses whose bounding boxes meet, one of which writes, are estimated to have ended."""
        n = self.count
        meets = (self.low[:n] < extent.high) & (self.high[:n] > extent.low)
        if not write:
            meets &= self.write[:n]
        return int(self.end[:n].max(initial=0, where=meets))

    def candidates(self, extent: Extent, write: bool, queue: int, clock: Sequence[int]) -> np.ndarray:
        """Accesses of other queues, not yet known to be complete, whose bounding boxes meet and one of which writes; newest first."""
        n = self.count
        queues = self.queue[:n]
        meets = (
            (self.low[:n] < extent.high) & (self.high[:n] > extent.low) & (queues != queue) & (self.place[:n] > np.asarray(clock)[queues])
        )
        if not write:
            meets &= self.write[:n]
        return np.nonzero(meets)[0][::-1]


def accesses_of(instruction: Instruction) -> list[Access]:
    """The bytes that an instruction touches."""
    touched = [(view, False) for view in instruction.reads()] + [(view, True) for view in instruction.writes()]
    return [(view.space, extent, write) for view, write in touched for extent in view.extents()]


def synchronize(commands: Sequence[Command], target: Target) -> list[Command]:
    """Order the queues: every conflict of the program order that no chain of earlier semaphores covers gets a wait.

    Where a machine has several DMA queues a transfer goes to the one that is estimated to start it first. One semaphore counts the
    signals of one queue; a wait names how many it needs.

    Raises:
        InternalError: the machine has fewer semaphores than queues.
    """
    if len(target.queue_names) > target.semaphores:
        raise InternalError("one semaphore a queue is needed", found=target.semaphores, wanted=len(target.queue_names))
    queue_of, waits = _native_order(commands, target) or order_in_python(commands, target)
    names = target.queue_names
    placed = [command if command.queue == names[queue] else replace(command, queue=names[queue]) for command, queue in zip(commands, queue_of, strict=True)]
    return _with_semaphores(placed, queue_of, waits)


def _native_order(commands: Sequence[Command], target: Target) -> tuple[list[int], list[list[int]]] | None:
    engine = native.module()
    if engine is None:
        return None
    rows = [command_row(command, target, -1) for command in commands]
    touches = [
        touch_row(number, space, extent, write, -1, extent.start)
        for number, command in enumerate(commands)
        for space, extent, write in accesses_of(command.instruction)
    ]
    return engine.synchronize(table(rows, COMMAND_COLUMNS), table(touches, TOUCH_COLUMNS), len(target.queue_names), dma_queues(target))


def table(rows: Sequence[Sequence[int]], columns: int) -> np.ndarray:
    """i64 [rows, columns], as the engine in C++ reads it."""
    return np.array(rows, np.int64).reshape(-1, columns)


def dma_queues(target: Target) -> list[int]:
    """The numbers of the queues that transfers choose from."""
    return [target.queue_names.index(name) for name in target.queues["dma"]]


def command_row(command: Command, target: Target, layer: int) -> tuple[int, ...]:
    """A command for the engine in C++: queue, whether it may move to another, whether it is a transfer, its figures, its layer."""
    entry = figures(command.instruction, target)
    names = target.queues["dma"]
    movable = len(names) > 1 and command.queue in names
    transfer = isinstance(command.instruction, Dma)
    queue = target.queue_names.index(command.queue)
    port_cycles = target.dram.cycles(entry.dram_bytes)
    return queue, movable, transfer, entry.latency, entry.duration, entry.sram_share, entry.dram_share, port_cycles, layer


def touch_row(command: int, space: Space, extent: Extent, write: bool, slot: int, start: int) -> tuple[int, ...]:
    """An access for the engine in C++: its bytes from `start` on in the command's buffer `slot`, or from the address itself (-1)."""
    fill = (1,) * (DIMENSIONS - len(extent.counts))
    none = (0,) * (DIMENSIONS - len(extent.counts))
    return command, space - 1, write, slot, start, extent.run_bytes, *extent.counts, *fill, *extent.strides, *none


def order_in_python(commands: Sequence[Command], target: Target) -> tuple[list[int], list[list[int]]]:
    """The queue of each command, and the commands that it waits for, the newest first; this defines what the engine in C++ computes."""
    queues = {name: number for number, name in enumerate(target.queue_names)}
    memories = {Space.SRAM: _Accesses.empty(), Space.DRAM: _Accesses.empty()}
    place = np.zeros(len(commands), np.int64)  # position of a command in its own queue, from 1
    issued = [0] * len(queues)
    known: list[list[int]] = [[0] * len(queues) for _ in queues]  # what each queue knows to be complete of every queue
    clocks: list[tuple[int, ...]] = []
    queue_of: list[int] = []
    waits: list[list[int]] = []
    clocks_free = _Clocks(target, dict.fromkeys(queues, 0))
    for number, given in enumerate(commands):
        accesses = accesses_of(given.instruction)
        ready = max((memories[space].ready(extent, write) for space, extent, write in accesses), default=0)
        name = clocks_free.queue(given, ready)
        end = clocks_free.run(given.instruction, name, ready)
        queue = queues[name]
        queue_of.append(queue)
        clock = known[queue]
        needed: set[int] = set()
        for space, extent, write in accesses:
            log = memories[space]
            latest = [0] * len(queues)
            for entry in log.candidates(extent, write, queue, clock):
                other = int(log.command[entry])
                other_queue = queue_of[other]
                if place[other] > latest[other_queue] and log.extents[entry].overlaps(extent):
                    latest[other_queue] = int(place[other])
                    needed.add(other)
        kept = []
        # the newest first: its chain often covers the others
        for other in sorted(needed, reverse=True):
            if place[other] <= clock[queue_of[other]]:
                continue
            kept.append(other)
            for index, value in enumerate(clocks[other]):
                clock[index] = max(clock[index], value)
            clock[queue_of[other]] = max(clock[queue_of[other]], int(place[other]))
        waits.append(kept)
        issued[queue] += 1
        place[number] = issued[queue]
        clocks.append(tuple(clock))
        for space, extent, write in accesses:
            memories[space].add(extent, write, number, queue, issued[queue], end)
        if number % PRUNE_COMMANDS == PRUNE_COMMANDS - 1 and len(queues) > 1:
            for log in memories.values():
                log.prune(known)
    return queue_of, waits


def _with_semaphores(commands: Sequence[Command], queue_of: Sequence[int], waits: Sequence[Sequence[int]]) -> list[Command]:
    signalling = {other for kept in waits for other in kept}
    counts: dict[int, int] = {}
    value_of: dict[int, int] = {}
    ordered: list[Command] = []
    for number, command in enumerate(commands):
        for other in waits[number]:
            ordered.append(replace(command, instruction=Wait(semaphore=queue_of[other], value=value_of[other])))
        ordered.append(command)
        if number in signalling:
            queue = queue_of[number]
            counts[queue] = counts.get(queue, 0) + 1
            value_of[number] = counts[queue]
            ordered.append(replace(command, instruction=Signal(semaphore=queue)))
    return ordered
