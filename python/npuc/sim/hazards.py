# SPDX-License-Identifier: Apache-2.0
"""Races found by happens-before, not by times.

A queue runs its commands one after the other; the v-th signal of a semaphore happens before every wait for v or more. From these
two rules each command gets a vector clock: how many commands of every queue are known to be complete when it starts. Two accesses
to a common byte, one of them a write, must be ordered by the clocks, whatever the timing. Beside races: reads of bytes never
written, accesses out of bounds, writes to memory that cannot be written, outputs that overlap their own inputs, semaphores that
do not exist.

Where npuc._native is built, it proves a sound segment sound; whatever it does not prove is checked here.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from npuc import native
from npuc.errors import HazardError, OutOfBounds
from npuc.isa.base import Command, Extent, Operand, Space, Unit
from npuc.isa.program import HostSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.sim.order import describe, legal_order
from npuc.targets.base import Target

_PRUNE_EVERY = 128
# of a command for the native module, before its operands; see lib/sim/hazards.h
_ROW = struct.Struct("=6q")


class Written:
    """Which bytes of each memory hold a value."""

    def __init__(self, sizes: dict[Space, int]):
        self.bytes = {space: np.zeros(size, bool) for space, size in sizes.items()}

    def mark(self, space: Space, low: int, high: int) -> None:
        """Bytes low..high-1 hold a value."""
        self.bytes[space][low:high] = True

    def forget(self, space: Space) -> None:
        """Nothing in `space` holds a value any more."""
        self.bytes[space] = np.zeros_like(self.bytes[space])

    def view(self, space: Space, extent: Extent) -> np.ndarray:
        """The flags under an extent, as a view."""
        memory = self.bytes[space]
        shape, strides = (*extent.counts, extent.run_bytes), (*extent.strides, 1)
        return np.ndarray(shape, bool, buffer=memory.data, offset=extent.start, strides=strides)


@dataclass(frozen=True)
class _Access:
    number: int
    space: Space
    extent: Extent
    write: bool


class _Accesses:
    """Earlier accesses of one kind to one memory, as columns for vectorised questions."""

    def __init__(self):
        self.entries: list[_Access] = []
        self.columns = np.empty((4, 256), np.int64)
        self.used = 0

    def add(self, entry: _Access, queue: int, position: int) -> None:
        if self.used == self.columns.shape[1]:
            self.columns = np.concatenate([self.columns, np.empty_like(self.columns)], axis=1)
        self.columns[:, self.used] = entry.extent.low, entry.extent.high, queue, position
        self.used += 1
        self.entries.append(entry)

    def unordered(self, extent: Extent, clock: np.ndarray) -> Iterable[_Access]:
        """Entries that may share a byte with `extent` and are not known to be complete at `clock`."""
        low, high, queue, position = self.columns[:, : self.used]
        (hits,) = ((low < extent.high) & (high > extent.low) & (position >= clock[queue])).nonzero()
        return (self.entries[hit] for hit in hits)

    def prune(self, known: np.ndarray) -> None:
        """Drop what every later command is ordered after: positions below `known` of their queue."""
        _, _, queue, position = self.columns[:, : self.used]
        keep = np.flatnonzero(position >= known[queue])
        self.columns[:, : len(keep)] = self.columns[:, keep]
        self.entries = [self.entries[index] for index in keep]
        self.used = len(keep)


def check(commands: Sequence[Command], target: Target, written: Written) -> None:
    """Check one segment; `written` says what holds a value at its start, and afterwards at its end.

    Raises:
        HazardError: a race, a read of bytes never written, a write that must not be, a semaphore that does not exist.
        OutOfBounds: an access outside the memory that `written` describes.
        Deadlock, SimulationError: see `npuc.sim.order`.
    """
    if not _race_free(commands, target, written):
        check_in_python(commands, target, written)


def check_in_python(commands: Sequence[Command], target: Target, written: Written) -> None:
    """As `check`, by the checker of this file, which defines what is a hazard and says what is wrong.

    Raises:
        HazardError, OutOfBounds, Deadlock, SimulationError: as `check`.
    """
    order = legal_order(commands)
    _Checker(commands, target, written).run(order)


def _race_free(commands: Sequence[Command], target: Target, written: Written) -> bool:
    """Whether the native module proves the segment sound; then `written` is as at its end. False proves nothing."""
    module = native.module()
    if module is None:
        return False
    queues = {name: number for number, name in enumerate(dict.fromkeys(command.queue for command in commands))}
    parts: list[bytes] = []
    try:
        for command in commands:
            instruction = command.instruction
            if isinstance(instruction, Signal | Wait):
                value = -1 if isinstance(instruction, Signal) else instruction.value
                if not 0 <= instruction.semaphore < target.semaphores or (value < 0 and isinstance(instruction, Wait)):
                    return False
                parts.append(_ROW.pack(queues[command.queue], instruction.semaphore, value, 0, 0, 0))
                continue
            reads, writes = instruction.reads(), instruction.writes()
            parts.append(_ROW.pack(queues[command.queue], -1, 0, instruction.unit is Unit.VECTOR, len(reads), len(writes)))
            parts += [view.packed for view in reads]
            parts += [view.packed for view in writes]
    except struct.error:
        # a program made by hand may hold numbers beyond 64 bits
        return False
    # what is found only counts where nothing is wrong
    flags = {space: memory.copy() for space, memory in written.bytes.items()}
    proved = module.race_free(
        np.frombuffer(b"".join(parts), np.int64), len(queues), target.semaphores, flags[Space.SRAM].view(np.uint8), flags[Space.DRAM].view(np.uint8),
        target.sram.writable, target.dram.writable,
    )  # fmt: skip
    if proved:
        written.bytes = flags
    return proved


def check_program(program: Program) -> None:
    """Check every NPU segment; constants, inputs and host results count as written. SRAM holds what the host put there for the segment."""
    written = Written({Space.SRAM: program.sram_bytes, Space.DRAM: program.dram_bytes})
    written.mark(Space.DRAM, 0, len(program.constants))

    def arrived(tensor_id: int) -> None:
        tensor = program.tensor(tensor_id)
        if tensor.dram_offset >= 0:
            written.mark(Space.DRAM, tensor.dram_offset, tensor.dram_offset + tensor.bytes)

    for port in program.inputs:
        arrived(port.tensor_id)
    for segment in program.segments:
        if isinstance(segment, HostSegment):
            for call in segment.calls:
                arrived(call.output)
            continue
        written.forget(Space.SRAM)
        for edge in segment.inputs:
            written.mark(Space.SRAM, edge.sram_offset, edge.sram_offset + program.tensor(edge.tensor_id).bytes)
        check(segment.commands, program.target, written)


class _Checker:
    def __init__(self, commands: Sequence[Command], target: Target, written: Written):
        self.commands, self.target, self.written = commands, target, written
        names = list(dict.fromkeys(command.queue for command in commands))
        self.queue = {name: index for index, name in enumerate(names)}
        # clocks[q][p]: commands of queue p known to be complete before the next command of q starts
        self.clocks = np.zeros((len(names), len(names)), np.int64)
        self.left = np.zeros(len(names), np.int64)
        for command in commands:
            self.left[self.queue[command.queue]] += 1
        # semaphore -> clock of its signaller at each signal
        self.signals: dict[int, list[np.ndarray]] = {}
        self.earlier = {(space, write): _Accesses() for space in (Space.SRAM, Space.DRAM) for write in (False, True)}

    def run(self, order: Sequence[int]) -> None:
        for step, number in enumerate(order):
            command = self.commands[number]
            queue = self.queue[command.queue]
            clock = self.clocks[queue]
            instruction = command.instruction
            if isinstance(instruction, Wait | Signal):
                self._synchronise(number, command, instruction, clock)
            else:
                self._access(number, command, queue, clock)
            clock[queue] += 1
            self.left[queue] -= 1
            if step % _PRUNE_EVERY == _PRUNE_EVERY - 1:
                self._prune()

    def _synchronise(self, number: int, command: Command, instruction: Wait | Signal, clock: np.ndarray) -> None:
        if instruction.semaphore >= self.target.semaphores:
            raise HazardError(
                f"{describe(number, command)} uses a semaphore that {self.target.name} does not have", layer=command.location,
                found=instruction.semaphore, wanted=f"0..{self.target.semaphores - 1}",
            )  # fmt: skip
        if isinstance(instruction, Signal):
            self.signals.setdefault(instruction.semaphore, []).append(clock.copy())
        elif instruction.value:
            np.maximum(clock, self.signals[instruction.semaphore][instruction.value - 1], out=clock)

    def _access(self, number: int, command: Command, queue: int, clock: np.ndarray) -> None:
        instruction = command.instruction
        reads, writes = instruction.reads(), instruction.writes()
        found = [
            _Access(number, view.space, extent, write)
            for views, write in ((reads, False), (writes, True))
            for view in views
            for extent in view.extents()
        ]
        for access in found:
            self._check_bounds(access, command)
            self._check_races(access, command, clock)
        self._check_itself(number, command, reads, writes)
        for access in found:
            if not access.write and not self.written.view(access.space, access.extent).all():
                self._never_written(access, command)
        position = int(clock[queue])
        for access in found:
            if access.write:
                self.written.view(access.space, access.extent)[...] = True
            self.earlier[access.space, access.write].add(access, queue, position)

    def _check_bounds(self, access: _Access, command: Command) -> None:
        size = len(self.written.bytes[access.space])
        if access.extent.low < 0 or access.extent.high > size:
            raise OutOfBounds(
                f"{describe(access.number, command)} leaves {access.space.name}", layer=command.location,
                found=_range(access.extent), wanted=f"0x0..{size:#x}",
            )  # fmt: skip
        memory = self.target.sram if access.space is Space.SRAM else self.target.dram
        if access.write and not memory.writable:
            raise HazardError(
                f"{describe(access.number, command)} writes to {access.space.name}, which {self.target.name} cannot write",
                layer=command.location, found=_range(access.extent),
            )  # fmt: skip

    def _check_races(self, access: _Access, command: Command, clock: np.ndarray) -> None:
        for write in (True, False) if access.write else (True,):
            for other in self.earlier[access.space, write].unordered(access.extent, clock):
                # a queue is in order with itself: its own clock stands past its earlier commands
                if access.extent.overlaps(other.extent):
                    raise self._race(access, command, other)

    def _race(self, access: _Access, command: Command, other: _Access) -> HazardError:
        low, high = max(access.extent.low, other.extent.low), min(access.extent.high, other.extent.high)
        first = f"{describe(other.number, self.commands[other.number])} {_verb(other)} {_range(other.extent)}"
        second = f"{describe(access.number, command)} {_verb(access)} {_range(access.extent)}"
        return HazardError(
            f"two accesses to {access.space.name} bytes {low:#x}..{high:#x} have no order", layer=command.location,
            rule="a path over queues and semaphores must order every write with every other access to the same byte",
            found=f"{first}; {second}",
        )  # fmt: skip

    def _check_itself(self, number: int, command: Command, reads: Sequence[Operand], writes: Sequence[Operand]) -> None:
        """A result lands on its own input only element for element, and only in the vector unit."""
        in_place = command.instruction.unit is Unit.VECTOR
        for out in writes:
            for view in reads:
                if view.space is not out.space or (in_place and not any(view.pad) and _same_bytes(view, out)):
                    continue
                for mine in out.extents():
                    for other in view.extents():
                        if mine.overlaps(other):
                            raise HazardError(
                                f"{describe(number, command)} writes over its own input", layer=command.location,
                                found=f"output {_range(mine)}, input {_range(other)} of {out.space.name}",
                                wanted="apart, or the same bytes in the vector unit",
                            )  # fmt: skip

    def _never_written(self, access: _Access, command: Command) -> None:
        missing = np.argwhere(~self.written.view(access.space, access.extent))[0]
        address = access.extent.start + int(sum(int(i) * s for i, s in zip(missing, (*access.extent.strides, 1), strict=True)))
        raise HazardError(
            f"{describe(access.number, command)} reads {access.space.name} byte {address:#x}, which nothing has written",
            layer=command.location, found=_range(access.extent), wanted="a write, a constant or an input before it",
        )  # fmt: skip

    def _prune(self) -> None:
        """Forget accesses that all commands still to come are ordered after."""
        busy = np.flatnonzero(self.left)
        if len(busy) == 0:
            return
        known = self.clocks[busy].min(axis=0)
        for entry in self.earlier.values():
            entry.prune(known)


def _same_bytes(left: Operand, right: Operand) -> bool:
    return (left.base, left.shape, left.strides, left.dtype, left.wrap_rows, left.first_row, left.brick_stride) == (
        right.base, right.shape, right.strides, right.dtype, right.wrap_rows, right.first_row, right.brick_stride,
    )  # fmt: skip


def _verb(access: _Access) -> str:
    return "writes" if access.write else "reads"


def _range(extent: Extent) -> str:
    return f"{extent.low:#x}..{extent.high:#x}"
