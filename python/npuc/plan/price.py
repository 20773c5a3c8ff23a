# SPDX-License-Identifier: Apache-2.0
"""What a placed schedule costs: the commands it becomes, ordered by semaphores and timed by the simulator's own engine.

Thousands of schedules of one network differ in few steps. So a step is spelled out once, with the addresses of its buffers left open:
these decide which commands meet, never what a command takes. `npuc._native` puts the steps together, orders the queues and times
them; where it is not built, each schedule's commands are made anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from npuc import native
from npuc.isa.base import Command, Operand, Space, Unit
from npuc.ops.base import region_type
from npuc.plan.commands import Location, blob, compute_commands, copy_command, view
from npuc.plan.graph import Graph
from npuc.plan.place import Placement
from npuc.plan.steps import Compute, Load, LoadParams, Step, Steps, Store
from npuc.plan.stripes import Footprints
from npuc.plan.synchronize import COMMAND_COLUMNS, TOUCH_COLUMNS, accesses_of, command_row, dma_queues, synchronize, table, touch_row
from npuc.targets.base import Target
from npuc.timing.engine import simulate

# off-chip addresses are made up one after another: only sizes matter for time
_HOME_BYTES = 128
# a step is spelled out with its buffers so far apart that an address tells which one it is in
_SLOT_BITS = 40


@dataclass(frozen=True)
class Price:
    """What a schedule costs.

    Attributes:
        waits: name of a layer -> cycles that its queue stands still before its commands.
        busy: name of a layer -> cycles that its MAC and vector commands take, waiting for ports included.
    """

    total_cycles: int
    waits: dict[str, int]
    busy: dict[str, int]


@dataclass
class Pricer:
    """Prices the schedules of one network on one machine, whatever its capacity."""

    graph: Graph
    target: Target
    _homes: dict[int, int] = field(default_factory=dict)
    _params_home: int = 0
    _engine: Any = None
    # step without addresses -> its number in the engine
    _known: dict[tuple, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value, tensor in self.graph.types.items():
            self._homes[value] = self._params_home
            self._params_home += -(-tensor.bytes // _HOME_BYTES) * _HOME_BYTES
        module = native.module()
        if module is not None:
            self._engine = module.Pricer(len(self.target.queue_names), dma_queues(self.target), len(self.graph.nodes))

    @cached_property
    def _footprints(self) -> Footprints:
        return Footprints(self.graph)

    @cached_property
    def network_bound_cycles(self) -> int:
        """No schedule is faster."""
        return self.graph.network_bound_cycles(self.target)

    def price(self, steps: Steps, placement: Placement) -> Price:
        """By the timing engine."""
        return self._price_in_python(steps, placement) if self._engine is None else self._price(steps, placement)

    def commands(self, steps: Steps, placement: Placement) -> list[Command]:
        """The commands of `steps`, ordered by semaphores."""
        where = [Location(Space.SRAM, offset, buffer.ring_rows) for offset, buffer in zip(placement.offsets, steps.buffers, strict=True)]
        moved = _moved_bytes(steps)
        return synchronize([command for step in steps.steps for command in self._spell(step, [where[b] for b in _slots(step)], moved)], self.target)

    def _price_in_python(self, steps: Steps, placement: Placement) -> Price:
        commands = self.commands(steps, placement)
        line = simulate(commands, self.target)
        until: dict[str, int] = {}
        waits = dict.fromkeys((node.name for node in self.graph.nodes), 0)
        busy = dict(waits)
        for command, start, end in zip(commands, line.start_cycles, line.end_cycles, strict=True):
            if command.instruction.unit not in (Unit.DMA, Unit.ANY):
                waits[command.location] += start - until.get(command.queue, 0)
                busy[command.location] += end - start
                until[command.queue] = end
        return Price(line.total_cycles, waits, busy)

    def _price(self, steps: Steps, placement: Placement) -> Price:
        rings = [buffer.ring_rows for buffer in steps.buffers]
        moved = _moved_bytes(steps)
        numbers: list[int] = []
        slots: list[int] = []
        for step in steps.steps:
            touched = _slots(step)
            key = _key(step, tuple([rings[b] for b in touched]), moved)
            number = self._known.get(key)
            if number is None:
                number = self._known[key] = self._add(step, [rings[b] for b in touched], moved)
            numbers.append(number)
            slots += touched
        offsets = np.asarray(placement.offsets, np.int64)[np.asarray(slots, np.int64)]
        total, waits, busy = self._engine.price(np.asarray(numbers, np.int64), offsets)
        return Price(total, self._by_name(waits), self._by_name(busy))

    def _by_name(self, values: Sequence[int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for node, value in zip(self.graph.nodes, values, strict=True):
            found[node.name] = found.get(node.name, 0) + value
        return found

    def _add(self, step: Step, rings: Sequence[int], moved: dict[tuple[int, int], int]) -> int:
        """Give the engine the step's commands, its buffers' addresses left open."""
        where = [Location(Space.SRAM, (slot + 1) << _SLOT_BITS, ring) for slot, ring in enumerate(rings)]
        commands = self._spell(step, where, moved)
        layer = step.node if isinstance(step, Compute) else -1
        rows = [command_row(command, self.target, layer) for command in commands]
        touches = []
        for number, command in enumerate(commands):
            for space, extent, write in accesses_of(command.instruction):
                slot = (extent.start >> _SLOT_BITS) - 1
                touches.append(touch_row(number, space, extent, write, slot, extent.start - ((slot + 1) << _SLOT_BITS)))
        return self._engine.add(table(rows, COMMAND_COLUMNS), table(touches, TOUCH_COLUMNS), len(rings))

    def _spell(self, step: Step, where: Sequence[Location], moved: dict[tuple[int, int], int]) -> list[Command]:
        """The commands of a step whose buffers, in the order of `_slots`, lie at `where`."""
        graph, target = self.graph, self.target
        if isinstance(step, Load | Store):
            tensor = graph.types[step.value]
            bricks = step.value in graph.bricks
            outer = view(tensor, Location(Space.DRAM, self._homes[step.value]), step.region, bricks)
            alone = isinstance(step, Store) and step.alone
            inner = view(region_type(tensor, step.region), where[0], bricks=bricks) if alone else view(tensor, where[0], step.region, bricks)
            return [copy_command(outer, inner, "load", target, "") if isinstance(step, Load) else copy_command(inner, outer, "store", target, "")]
        if isinstance(step, LoadParams):
            # nobody writes parameters, so all may have one address
            size = step.moved_bytes
            return [copy_command(blob(Location(Space.DRAM, self._params_home), size), blob(where[0], size), "params", target, "")]
        return self._spell_compute(step, where, moved) if isinstance(step, Compute) else []

    def _spell_compute(self, step: Compute, where: Sequence[Location], moved: dict[tuple[int, int], int]) -> list[Command]:
        graph = self.graph
        node = graph.nodes[step.node]
        tile = node.spec.tile(step.region)
        places = iter(where)
        inputs = [
            view(
                graph.types[value], next(places) if buffer >= 0 else Location(Space.DRAM, self._homes[value]), tile.regions[position],
                value in graph.bricks,
            )
            for value, buffer, position in zip(node.activations, step.inputs, node.spec.activations, strict=True)
        ]  # fmt: skip
        made = next(places) if step.output >= 0 else Location(Space.DRAM, self._homes[node.output])
        bricks = node.output in graph.bricks
        output = view(tile.spec.output, made, bricks=bricks) if step.alone else view(node.spec.output, made, step.region, bricks)
        params = Operand.absent()
        if step.params >= 0:
            place = next(places)
            params = blob(replace(place, offset=place.offset + step.params_offset), moved[step.params, step.params_offset])
        elif step.direct:
            params = blob(Location(Space.DRAM, self._params_home), self._footprints.moved_bytes(node, step.region[-1]))
        scratch = blob(next(places), tile.spec.scratch_bytes(self.target)) if step.scratch >= 0 else Operand.absent()
        return compute_commands(tile.spec, inputs, output, params, scratch, self.target, node.name)


def _moved_bytes(steps: Steps) -> dict[tuple[int, int], int]:
    """(buffer, offset) of parameters -> bytes that lie there: fewer than they stand for where the machine decodes them."""
    return {(step.buffer, part.offset_bytes): part.size_bytes for step in steps.steps if isinstance(step, LoadParams) for part in step.parts}


def _slots(step: Step) -> list[int]:
    """The buffers of a step, in a fixed order."""
    if isinstance(step, Compute):
        return [buffer for buffer in (*step.inputs, step.output, step.params, step.scratch) if buffer >= 0]
    return [step.buffer]


def _key(step: Step, rings: tuple[int, ...], moved: dict[tuple[int, int], int]) -> tuple:
    """All that a step's commands depend on but addresses."""
    if isinstance(step, Compute):
        places = tuple([buffer >= 0 for buffer in step.inputs])
        kinds = (step.output >= 0, step.params >= 0, step.scratch >= 0, step.direct, step.alone)
        return step.node, step.region, places, kinds, rings, step.params_offset, moved.get((step.params, step.params_offset), 0)
    if isinstance(step, Load | Store):
        return isinstance(step, Load), step.value, step.region, rings, isinstance(step, Store) and step.alone
    return (step.moved_bytes,) if isinstance(step, LoadParams) else ()


def least_cycles(graph: Graph, steps: Steps, target: Target) -> int:
    """What no placement and no prefetch undercuts: the bytes of all transfers at the off-chip port's rate."""
    moved = 0
    for step in steps.steps:
        if isinstance(step, LoadParams):
            moved += step.moved_bytes
        elif isinstance(step, Load | Store):
            moved += region_type(graph.types[step.value], step.region).bytes
    return target.dram.cycles(moved)
