# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of a program went, each counted once: useful work, and what was lost by cause.

A cycle has as many *slots* as the array can do multiply-accumulates in it. The network's own multiply-accumulates fill one each; every
other slot was lost, and goes to one cause. All counts are whole numbers, and they add up to cycles * slots of a cycle exactly.

A cycle belongs to what the core did in it, the first that holds:

1. The MAC queue runs a command. Its L cycles of latency fill the pipeline. Of the cycles after it, whose number without company is
   max(unit, ports), the first `array` are the array's: with m multiply-accumulates, m slots are useful; where activations pass it in two
   halves, m are lost to *wide activations*; where the array does depthwise work at a lower rate, m (halves counted) * (full rate / that
   rate - 1) to the *depthwise rate*; the rest to *array edges*. What the output path takes beyond the array is lost to the *output path*,
   what the unit takes beyond both (blocks that fill and drain, tables) to *pipeline fill*, what the SRAM port takes beyond the unit to the
   *SRAM port*, what off-chip memory takes beyond these to the *off-chip port*. All that comes on top is due to other queues that use the
   same ports: *shared ports*. Multiply-accumulates beyond the layer's own, as where rows are computed twice, are *work again*.
2. The vector queue runs a command: *vector unit*.
3. Both wait. The MAC queue's next command, or, where it has none left, the vector queue's, stands behind a semaphore; the command that
   raises it is looked for. Where that one runs, it is a transfer of constants, *weight load*, or any other, *waiting for DMA*. Where it
   waits itself, what it waits for counts in its place. Where it stands in line behind another command of its queue, the cycle is lost
   to *synchronization*. After the last command of both, results leave: *waiting for DMA*.

A layer's share are the cycles of its MAC and vector commands, and those in which the next command that waited was its own. On machines
with one queue for MAC and vector work the same rules hold; a command of either kind is what its instruction says.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from npuc.isa.base import Command, Space, Unit
from npuc.isa.dma import Dma
from npuc.isa.program import NpuSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.targets.base import Target
from npuc.timing.engine import Timeline, figures

NO_LAYER = "(no layer)"
"""What commands without a layer are entered under."""

USEFUL = "useful"

CAUSES = {
    "edges": "array edges",
    "depthwise": "depthwise rate",
    "wide": "wide activations",
    "output": "output path",
    "vector": "vector unit",
    "fill": "pipeline fill",
    "sram_port": "SRAM port",
    "off_chip_port": "off-chip port",
    "shared_ports": "shared ports",
    "weights": "weight load",
    "dma": "waiting for DMA",
    "synchronization": "synchronization",
    "again": "work again",
}
"""Key -> name of every cause of lost cycles, in the order in which tables show them."""


@dataclass(frozen=True)
class Ledger:
    """Slots by what became of them.

    Attributes:
        slots_per_cycle: multiply-accumulates that the array can do in a cycle.
        cycles: of the whole program.
        slots: USEFUL and every key of CAUSES -> slots; together cycles * slots_per_cycle.
        layers: layer -> the same for the cycles that are its own; no entry where there are none. They add up to `slots`.
    """

    slots_per_cycle: int
    cycles: int
    slots: Mapping[str, int]
    layers: Mapping[str, Mapping[str, int]]

    @property
    def lost_cycles(self) -> dict[str, Fraction]:
        """Cause -> cycles, exactly; together cycles - useful cycles."""
        return {cause: Fraction(self.slots[cause], self.slots_per_cycle) for cause in CAUSES}

    @property
    def useful_cycles(self) -> Fraction:
        """Multiply-accumulates over the array's peak rate."""
        return Fraction(self.slots[USEFUL], self.slots_per_cycle)

    def to_dict(self) -> dict:
        """Plain values: slots exactly, cycles rounded to a thousandth."""
        return {
            "slots_per_cycle": self.slots_per_cycle,
            "slots": dict(self.slots),
            "useful_cycles": round(float(self.useful_cycles), 3),
            "lost_cycles": {cause: round(float(cycles), 3) for cause, cycles in self.lost_cycles.items()},
            "layers": {name: {key: size for key, size in slots.items() if size} for name, slots in self.layers.items()},
        }


def ledger(program: Program, runs: Iterable[tuple[NpuSegment, Timeline]]) -> Ledger:
    """The ledger of one inference.

    Args:
        runs: every NPU segment with its timeline, in order.
    """
    book = _Book(program.target)
    cycles = 0
    for segment, line in runs:
        _Segment(segment.commands, line, program.target, len(program.constants)).enter(book)
        cycles += line.total_cycles
    own: dict[str, int] = {}
    for layer in program.layers:
        if layer.device == "npu":
            name = layer.name or NO_LAYER
            own[name] = own.get(name, 0) + layer.macs
    book.settle(own)
    total = {key: sum(slots[key] for slots in book.layers.values()) for key in (USEFUL, *CAUSES)}
    return Ledger(book.peak, cycles, total, book.layers)


@dataclass
class _Book:
    """Entries by layer while they are made."""

    target: Target
    layers: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def peak(self) -> int:
        return self.target.array.macs_per_cycle

    def add(self, layer: str, cause: str, slots: int) -> None:
        name = layer or NO_LAYER
        if name not in self.layers:
            self.layers[name] = dict.fromkeys((USEFUL, *CAUSES), 0)
        self.layers[name][cause] += slots

    def mac(self, command: Command, elapsed: int) -> None:
        """A command that kept the MAC queue for `elapsed` cycles."""
        target, peak, layer = self.target, self.peak, command.location
        instruction = command.instruction
        work = instruction.array_work(target)
        if work is None:
            self.add(layer, "vector", elapsed * peak)
            return
        known = figures(instruction, target)
        busy, _ = instruction.cost(target)
        sram, off_chip = target.sram.cycles(known.sram_bytes), target.dram.cycles(known.dram_bytes)
        passed = work.macs * work.steps
        slow = passed * peak // target.array.depthwise_macs_per_cycle - passed if work.depthwise else 0
        unit = max(work.array_cycles, work.output_cycles)
        self.add(layer, USEFUL, work.macs)
        self.add(layer, "depthwise", slow)
        self.add(layer, "wide", passed - work.macs)
        self.add(layer, "edges", work.array_cycles * peak - passed - slow)
        self.add(layer, "output", (unit - work.array_cycles) * peak)
        self.add(layer, "fill", (known.latency + busy - unit) * peak)
        self.add(layer, "sram_port", max(sram - busy, 0) * peak)
        self.add(layer, "off_chip_port", max(off_chip - max(sram, busy), 0) * peak)
        self.add(layer, "shared_ports", (elapsed - known.latency - known.duration) * peak)

    def settle(self, own: Mapping[str, int]) -> None:
        """Multiply-accumulates beyond those of the network are no use."""
        for layer, slots in self.layers.items():
            if layer in own and slots[USEFUL] > own[layer]:
                slots["again"] += slots[USEFUL] - own[layer]
                slots[USEFUL] = own[layer]


@dataclass
class _Queue:
    """One queue in its order, semaphores apart.

    Attributes:
        commands: numbers of what works.
        starts, ends: of these.
        waits: for each of these, and for what follows the last one, numbers of the waits in front of it.
    """

    commands: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    waits: list[list[int]] = field(default_factory=lambda: [[]])

    def at(self, cycle: int) -> int:
        """Index of the command that runs in the cycle or is the next one to run; their number after the last."""
        return bisect_right(self.ends, cycle)


@dataclass
class _Segment:
    """One NPU segment and when it ran."""

    commands: Sequence[Command]
    line: Timeline
    target: Target
    constant_bytes: int

    def __post_init__(self) -> None:
        self.queues = {name: _Queue() for name in self.target.queue_names}
        # semaphore -> (queue, index of the last command before the signal) of each signal, in order
        self.signals: dict[int, list[tuple[_Queue, int]]] = {}
        for number, (command, start, end) in enumerate(zip(self.commands, self.line.start_cycles, self.line.end_cycles, strict=True)):
            queue = self.queues[command.queue]
            if isinstance(command.instruction, Wait):
                queue.waits[-1].append(number)
            elif isinstance(command.instruction, Signal):
                self.signals.setdefault(command.instruction.semaphore, []).append((queue, len(queue.commands) - 1))
            else:
                queue.commands.append(number)
                queue.starts.append(start)
                queue.ends.append(end)
                queue.waits.append([])
        self.mac, self.vector = (self.queues[self.target.queues[kind][0]] for kind in ("mac", "vector"))

    def enter(self, book: _Book) -> None:
        """Make an entry for every cycle."""
        now = 0
        for number, start, end in zip(self.mac.commands, self.mac.starts, self.mac.ends, strict=True):
            self._without_mac(book, now, start)
            book.mac(self.commands[number], end - start)
            now = end
        self._without_mac(book, now, self.line.total_cycles)

    def _without_mac(self, book: _Book, low: int, high: int) -> None:
        """The cycles low .. high - 1, in which the MAC queue runs nothing."""
        if low < high and self.vector is not self.mac:
            for index in range(self.vector.at(low), len(self.vector.commands)):
                start, end = max(self.vector.starts[index], low), min(self.vector.ends[index], high)
                if start >= high:
                    break
                self._idle(book, low, start)
                book.add(self.commands[self.vector.commands[index]].location, "vector", (end - start) * book.peak)
                low = end
        self._idle(book, low, high)

    def _idle(self, book: _Book, low: int, high: int) -> None:
        """The cycles low .. high - 1, in which both queues wait; what they wait for changes where a transfer begins or ends."""
        while low < high:
            until = min(high, *self._changes(low))
            layer, cause = self._reason(low)
            book.add(layer, cause, (until - low) * book.peak)
            low = until

    def _changes(self, cycle: int) -> Iterator[int]:
        """When the state of each queue changes next."""
        yield self.line.total_cycles
        for queue in self.queues.values():
            index = queue.at(cycle)
            if index < len(queue.commands):
                yield queue.ends[index] if queue.starts[index] <= cycle else queue.starts[index]

    def _reason(self, cycle: int) -> tuple[str, str]:
        """The layer that waits in a cycle, and the cause."""
        for queue in (self.mac, self.vector):
            index = queue.at(cycle)
            if index < len(queue.commands):
                return self.commands[queue.commands[index]].location, self._awaited(queue, index, cycle)
        leaving = [queue.commands[queue.at(cycle)] for queue in self.queues.values() if queue.at(cycle) < len(queue.commands)]
        last = max(leaving, key=lambda number: self.line.end_cycles[number])
        return self.commands[last].location, "dma"

    def _awaited(self, queue: _Queue, index: int, cycle: int) -> str:
        """Why the command at `index` of a queue, the next one to run there, does not run in a cycle."""
        # a chain longer than there are queues would go in a circle, which is a deadlock
        for _ in self.queues:
            held = next((number for number in queue.waits[index] if self.line.end_cycles[number] > cycle), None)
            instruction = None if held is None else self.commands[held].instruction
            if not isinstance(instruction, Wait):
                break
            queue, wanted = self.signals[instruction.semaphore][instruction.value - 1]
            index = queue.at(cycle)
            if index != wanted:
                break
            if queue.starts[index] <= cycle:
                return self._transfer(queue.commands[index])
        return "synchronization"

    def _transfer(self, number: int) -> str:
        """What a transfer brings."""
        instruction = self.commands[number].instruction
        if instruction.unit is not Unit.DMA:
            return "vector"
        constant = isinstance(instruction, Dma) and instruction.src.space is Space.DRAM and instruction.src.base < self.constant_bytes
        return "weights" if constant else "dma"
