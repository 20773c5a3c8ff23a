# SPDX-License-Identifier: Apache-2.0
"""From placed tiles to commands: operands as views of buffers, queues by kind of work, semaphores by conflicts.

Both the planner (to price a schedule) and the lowering (to make the program) come through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npuc.errors import InternalError
from npuc.isa.base import Command, DType, Extent, Instruction, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.sync import Signal, Wait
from npuc.ops.base import OpSpec, Region, TensorType
from npuc.targets.base import Target

# accesses that nobody can wait for any more are forgotten every so many commands
PRUNE_COMMANDS = 512


@dataclass(frozen=True)
class Location:
    """Where a tensor lies: memory, byte offset, rows of the ring (0: whole)."""

    space: Space
    offset: int
    ring_rows: int = 0


def view(tensor: TensorType, where: Location, region: Region | None = None) -> Operand:
    """The operand for `region` of `tensor`, whose buffer lies at `where`."""
    n, height, width, channels = tensor.nhwc
    dtype = DType[tensor.dtype.upper()]
    element = dtype.bytes
    held = where.ring_rows or height
    strides = (held * width * channels * element, width * channels * element, channels * element, element)
    padded = (((0, 1),) * (4 - len(tensor.shape)) + tuple(region)) if region is not None else tuple((0, extent) for extent in tensor.nhwc)
    (n0, n), (row, height), (column, width), (channel, channels) = padded
    base = where.offset + n0 * strides[0] + column * strides[2] + channel * strides[3]
    if where.ring_rows:
        row %= where.ring_rows
    else:
        base, row = base + row * strides[1], 0
    return Operand(where.space, dtype, base, (n, height, width, channels), strides, wrap_rows=where.ring_rows, first_row=row)


def blob(where: Location, size_bytes: int) -> Operand:
    """Plain bytes at `where`; absent when there are none."""
    if size_bytes == 0:
        return Operand.absent()
    return Operand.dense(where.space, where.offset, (1, 1, 1, size_bytes))


def dma_queue(kind: str, target: Target) -> str:
    """The queue for "load", "params" or "store" traffic: what is waited for soonest never stands behind a store."""
    queues = target.queues["dma"]
    wanted = {"load": 0, "params": 1 if len(queues) > 2 else 0, "store": 2 if len(queues) > 2 else 1}[kind]
    return queues[min(wanted, len(queues) - 1)]


def compute_commands(
    spec: OpSpec, inputs: Sequence[Operand], output: Operand, params: Operand, scratch: Operand, target: Target, location: str
) -> list[Command]:
    """The tile `spec` on placed operands."""
    return [
        Command(instruction, target.queues[instruction.unit.value][0], location)
        for instruction in spec.emit(tuple(inputs), output, params, scratch, target)
    ]


def copy_command(source: Operand, destination: Operand, kind: str, target: Target, location: str) -> Command:
    """One DMA transfer."""
    return Command(Dma(src=source, dst=destination), dma_queue(kind, target), location)


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


def synchronize(commands: Sequence[Command], target: Target) -> list[Command]:
    """Order the queues: every conflict of the program order that no chain of earlier semaphores covers gets a wait.

    Where a machine has several DMA queues a transfer goes to the one that is estimated to start it first. One semaphore counts the
    signals of one queue; a wait names how many it needs.

    Raises:
        InternalError: the machine has fewer semaphores than queues.
    """
    queues = {name: number for number, name in enumerate(target.queue_names)}
    if len(queues) > target.semaphores:
        raise InternalError("one semaphore a queue is needed", found=target.semaphores, wanted=len(queues))
    memories = {Space.SRAM: _Accesses.empty(), Space.DRAM: _Accesses.empty()}
    place = np.zeros(len(commands), np.int64)  # position of a command in its own queue, from 1
    issued = [0] * len(queues)
    known: list[list[int]] = [[0] * len(queues) for _ in queues]  # what each queue knows to be complete of every queue
    clocks: list[tuple[int, ...]] = []
    queue_of: list[int] = []
    waits: list[list[int]] = []
    clocks_free = _Clocks(target, dict.fromkeys(queues, 0))
    ordered: list[Command] = []
    for number, given in enumerate(commands):
        touched = [(view, False) for view in given.instruction.reads()] + [(view, True) for view in given.instruction.writes()]
        accesses = [(view.space, extent, write) for view, write in touched for extent in view.extents()]
        ready = max((memories[space].ready(extent, write) for space, extent, write in accesses), default=0)
        name = clocks_free.queue(given, ready)
        command = given if name == given.queue else replace(given, queue=name)
        end = clocks_free.run(command.instruction, name, ready)
        ordered.append(command)
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
    return _with_semaphores(ordered, queue_of, waits)


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
