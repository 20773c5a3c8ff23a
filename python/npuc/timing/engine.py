# SPDX-License-Identifier: Apache-2.0
"""The discrete-event engine that prices schedules and times programs.

Every queue runs its commands one after the other. A command holds its unit for `latency` cycles, in which no byte moves, and then
for its work of nominally d = max(unit, SRAM port, DRAM port) cycles. While it works it demands the share u = port / d of each port.
Where the shares on a port add up to U > 1, every command that uses the port advances at the rate 1 / U (of two ports, at the lower
rate). Time stands at whole cycles; shares and rates are fixed-point numbers with 16 fractional bits, shares rounded up and rates
down, so no port ever gives more than it has. Rates change at events alone: a start of work, or a completion.

Everything is an integer and no step looks at the machine's name. Where npuc._native is built, its copy of this engine runs instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from npuc.errors import Deadlock
from npuc.isa.base import Command, Instruction, Space
from npuc.isa.sync import Signal, Wait
from npuc.targets.base import Target
from npuc.timing import native

_BITS = 16
_ONE = 1 << _BITS


@dataclass(frozen=True, slots=True)
class Figures:
    """What the engine needs of a command.

    Attributes:
        latency: cycles before the work.
        duration: cycles of the work where nothing else uses the ports.
        sram_share, dram_share: share of each port while working, 16 fractional bits.
        sram_bytes, dram_bytes: port bytes.
    """

    latency: int
    duration: int
    sram_share: int
    dram_share: int
    sram_bytes: int
    dram_bytes: int


_NOTHING = Figures(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Timeline:
    """When everything happened, in cycles; commands in the order they were given.

    Attributes:
        queue_busy_cycles: cycles each queue spent on commands, latency included, waiting excluded.
        port_bytes: bytes that passed each port, bursts included.
    """

    total_cycles: int
    start_cycles: tuple[int, ...]
    end_cycles: tuple[int, ...]
    queue_busy_cycles: dict[str, int]
    port_bytes: dict[Space, int]


def figures(instruction: Instruction, target: Target) -> Figures:
    """The figures of one instruction."""
    if isinstance(instruction, Signal | Wait):
        return _NOTHING
    busy, traffic = instruction.cost(target)
    sram_bytes, dram_bytes = traffic.get(Space.SRAM, 0), traffic.get(Space.DRAM, 0)
    sram, dram = target.sram.cycles(sram_bytes), target.dram.cycles(dram_bytes)
    duration = max(busy, sram, dram)
    share = max(duration, 1)
    return Figures(
        instruction.latency(target), duration, -(-(sram << _BITS) // share), -(-(dram << _BITS) // share), sram_bytes, dram_bytes
    )


def off_chip_bytes(commands: Sequence[Command], target: Target) -> tuple[int, int]:
    """Bytes read from and written to DRAM, bursts included."""
    total = written = 0
    for command in commands:
        writes = [view for view in command.instruction.writes() if view.space is Space.DRAM]
        if not writes and not any(view.space is Space.DRAM for view in command.instruction.reads()):
            continue
        total += command.instruction.cost(target)[1].get(Space.DRAM, 0)
        written += sum(view.traffic_bytes(target.dram.burst_bytes) for view in writes)
    return total - written, written


def simulate(commands: Sequence[Command], target: Target, known: Sequence[Figures] | None = None) -> Timeline:
    """Run `commands` on the queues of `target`.

    Args:
        known: figures of every command, where the caller has them already.

    Raises:
        Deadlock: every queue that is not done waits for a semaphore that nobody will raise.
    """
    if known is None:
        known = [figures(command.instruction, target) for command in commands]
    return _native_run(commands, target, known) or simulate_in_python(commands, target, known)


def simulate_in_python(commands: Sequence[Command], target: Target, known: Sequence[Figures]) -> Timeline:
    """As `simulate`, by the engine of this file, which defines what the one in C++ computes.

    Raises:
        Deadlock: as `simulate`.
    """
    return _Engine(commands, target, known).run()


def _native_run(commands: Sequence[Command], target: Target, known: Sequence[Figures]) -> Timeline | None:
    """The same timeline from the engine in C++; None where that is not built, or where something is wrong."""
    names = target.queue_names
    index = {name: number for number, name in enumerate(names)}
    rows: list[int] = []
    for command, entry in zip(commands, known, strict=True):
        semaphore, value = _sync(command.instruction) or (-1, 0)
        rows += (index[command.queue], semaphore, value, entry.latency, entry.duration, entry.sram_share, entry.dram_share)
    found = native.run(rows, len(names))
    if found is None:
        return None
    total, starts, ends, busy = found
    return Timeline(total, tuple(starts), tuple(ends), dict(zip(names, busy, strict=True)), _port_bytes(known))


def _port_bytes(known: Sequence[Figures]) -> dict[Space, int]:
    return {Space.SRAM: sum(entry.sram_bytes for entry in known), Space.DRAM: sum(entry.dram_bytes for entry in known)}


class _Engine:
    """The state of one run; queues are numbered in the target's order."""

    def __init__(self, commands: Sequence[Command], target: Target, known: Sequence[Figures]):
        self.names = target.queue_names
        index = {name: number for number, name in enumerate(self.names)}
        # what each queue has to do, and how far it is
        self.lines: list[list[int]] = [[] for _ in self.names]
        for number, command in enumerate(commands):
            self.lines[index[command.queue]].append(number)
        self.at = [0] * len(self.names)
        # queues held by a wait
        self.blocked: list[int] = []
        # (semaphore, value wanted or -1 for a signal), or None for work
        self.sync = [_sync(command.instruction) for command in commands]
        self.known = known
        self.counters = [0] * max(256, target.semaphores)
        self.starts, self.ends = [0] * len(commands), [0] * len(commands)
        self.busy = [0] * len(self.names)

    def run(self) -> Timeline:
        now = 0
        idle = list(range(len(self.names)))
        # queue -> cycle at which its latency ends;  queue -> work left, 16 fractional bits
        delayed: dict[int, int] = {}
        working: dict[int, int] = {}
        while True:
            self._start(idle, now, delayed, working)
            if not delayed and not working:
                break
            rates = self._rates(working)
            soonest = min(delayed.values(), default=-1)
            for queue, left in working.items():
                done = now - (-left // rates[queue])
                if soonest < 0 or done < soonest:
                    soonest = done
            elapsed, now = soonest - now, soonest
            idle = self._advance(now, elapsed, rates, delayed, working)
        waiting = [queue for queue in range(len(self.names)) if self.at[queue] < len(self.lines[queue])]
        if waiting:
            raise self._deadlock(waiting)
        return Timeline(now, tuple(self.starts), tuple(self.ends), dict(zip(self.names, self.busy, strict=True)), _port_bytes(self.known))

    def _start(self, idle: list[int], now: int, delayed: dict[int, int], working: dict[int, int]) -> None:
        """Let every idle queue go on until it works, waits or ends; a signal may free another."""
        ready, raised = idle + self.blocked, True
        while raised:
            raised, held = False, []
            for queue in ready:
                line = self.lines[queue]
                while self.at[queue] < len(line):
                    number = line[self.at[queue]]
                    pair = self.sync[number]
                    if pair is None:
                        entry = self.known[number]
                        self.starts[number] = now
                        if entry.latency:
                            delayed[queue] = now + entry.latency
                        elif entry.duration:
                            working[queue] = entry.duration << _BITS
                        else:
                            self._complete(queue, now)
                            continue
                        break
                    semaphore, value = pair
                    if value < 0:
                        self.counters[semaphore] += 1
                        raised = True
                    elif self.counters[semaphore] < value:
                        held.append(queue)
                        break
                    self.starts[number] = self.ends[number] = now
                    self.at[queue] += 1
            ready = held
        self.blocked = ready

    def _complete(self, queue: int, now: int) -> None:
        number = self.lines[queue][self.at[queue]]
        self.ends[number] = now
        self.busy[queue] += now - self.starts[number]
        self.at[queue] += 1

    def _rates(self, working: dict[int, int]) -> dict[int, int]:
        """Progress a cycle of every working queue, 16 fractional bits."""
        active = [(queue, self.known[self.lines[queue][self.at[queue]]]) for queue in working]
        sram = dram = 0
        for _, entry in active:
            sram += entry.sram_share
            dram += entry.dram_share
        sram_rate = _ONE if sram <= _ONE else (_ONE << _BITS) // sram
        dram_rate = _ONE if dram <= _ONE else (_ONE << _BITS) // dram
        rates = {}
        for queue, entry in active:
            rate = sram_rate if entry.sram_share else _ONE
            rates[queue] = min(rate, dram_rate) if entry.dram_share else rate
        return rates

    def _advance(self, now: int, elapsed: int, rates: dict[int, int], delayed: dict[int, int], working: dict[int, int]) -> list[int]:
        """Move on to `now`; return the queues that became idle."""
        idle = []
        for queue, left in list(working.items()):
            left -= rates[queue] * elapsed
            if left > 0:
                working[queue] = left
                continue
            del working[queue]
            self._complete(queue, now)
            idle.append(queue)
        for queue, end in list(delayed.items()):
            if end > now:
                continue
            del delayed[queue]
            duration = self.known[self.lines[queue][self.at[queue]]].duration
            if duration:
                working[queue] = duration << _BITS
                continue
            self._complete(queue, now)
            idle.append(queue)
        return idle

    def _deadlock(self, waiting: list[int]) -> Deadlock:
        states = []
        for queue in waiting:
            semaphore, value = self.sync[self.lines[queue][self.at[queue]]] or (-1, -1)
            states.append(f"{self.names[queue]} waits for semaphore {semaphore} to reach {value}, it stands at {self.counters[semaphore]}")
        return Deadlock("no queue can go on", found="; ".join(states), wanted="a signal for each wait")


def _sync(instruction: Instruction) -> tuple[int, int] | None:
    if isinstance(instruction, Wait):
        return instruction.semaphore, instruction.value
    if isinstance(instruction, Signal):
        return instruction.semaphore, -1
    return None
