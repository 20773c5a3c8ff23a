# SPDX-License-Identifier: Apache-2.0
"""What a placed schedule costs: the commands it becomes, timed by the simulator's own engine."""

from npuc.isa.base import Command, Operand, Space, Unit
from npuc.ops.base import region_type
from npuc.plan.commands import Location, blob, compute_commands, copy_command, synchronize, view
from npuc.plan.graph import Graph
from npuc.plan.place import Placement
from npuc.plan.steps import Compute, Load, LoadParams, Steps, Store
from npuc.targets.base import Target
from npuc.timing.engine import simulate


def commands_of(graph: Graph, steps: Steps, placement: Placement, target: Target) -> list[Command]:
    """The commands of `steps`, ordered by semaphores. Off-chip addresses are made up one after another: only sizes matter for time."""
    homes: dict[int, int] = {}
    top = 0
    for value, tensor in graph.types.items():
        homes[value] = top
        top += -(-tensor.bytes // 128) * 128
    where = [Location(Space.SRAM, offset, buffer.ring_rows) for offset, buffer in zip(placement.offsets, steps.buffers, strict=True)]
    commands: list[Command] = []
    # bytes of the parameters in a buffer: fewer than they stand for where the machine decodes them
    moved: dict[int, int] = {}
    for step in steps.steps:
        if isinstance(step, Load | Store):
            tensor = graph.types[step.value]
            outer = view(tensor, Location(Space.DRAM, homes[step.value]), step.region)
            alone = isinstance(step, Store) and step.alone
            inner = view(region_type(tensor, step.region), where[step.buffer]) if alone else view(tensor, where[step.buffer], step.region)
            if isinstance(step, Load):
                commands.append(copy_command(outer, inner, "load", target, ""))
            else:
                commands.append(copy_command(inner, outer, "store", target, ""))
        elif isinstance(step, LoadParams):
            size = moved[step.buffer] = step.moved_bytes
            commands.append(copy_command(blob(Location(Space.DRAM, top), size), blob(where[step.buffer], size), "params", target, ""))
            top += -(-size // 128) * 128
        elif isinstance(step, Compute):
            node = graph.nodes[step.node]
            tile = node.spec.tile(step.region)
            activations = node.spec.activations
            inputs = [
                view(graph.types[value], where[buffer] if buffer >= 0 else Location(Space.DRAM, homes[value]), tile.regions[position])
                for value, buffer, position in zip(node.activations, step.inputs, activations, strict=True)
            ]
            made = where[step.output] if step.output >= 0 else Location(Space.DRAM, homes[node.output])
            output = view(tile.spec.output, made) if step.alone else view(node.spec.output, made, step.region)
            params = Operand.absent()
            if step.params >= 0:
                params = blob(where[step.params], min(moved[step.params], tile.spec.param_bytes()))
            elif step.direct:
                size = -(-tile.spec.param_bytes() * graph.moved_bytes(node) // node.spec.param_bytes())
                params = blob(Location(Space.DRAM, top), size)
                top += -(-size // 128) * 128
            scratch = blob(where[step.scratch], tile.spec.scratch_bytes(target)) if step.scratch >= 0 else Operand.absent()
            commands += compute_commands(tile.spec, inputs, output, params, scratch, target, node.name)
    return synchronize(commands, target)


def least_cycles(graph: Graph, steps: Steps, target: Target) -> int:
    """What no placement and no prefetch undercuts: the bytes of all transfers at the off-chip port's rate."""
    moved = 0
    for step in steps.steps:
        if isinstance(step, LoadParams):
            moved += step.moved_bytes
        elif isinstance(step, Load | Store):
            moved += region_type(graph.types[step.value], step.region).bytes
    return target.dram.cycles(moved)


def price_schedule(graph: Graph, steps: Steps, placement: Placement, target: Target) -> tuple[int, dict[str, int]]:
    """By the timing engine: total cycles, and name of a layer -> cycles that its queue stands still before its commands."""
    commands = commands_of(graph, steps, placement, target)
    line = simulate(commands, target)
    until: dict[str, int] = {}
    waits: dict[str, int] = {}
    for command, start, end in zip(commands, line.start_cycles, line.end_cycles, strict=True):
        if command.instruction.unit not in (Unit.DMA, Unit.ANY):
            waits[command.location] = waits.get(command.location, 0) + start - until.get(command.queue, 0)
            until[command.queue] = end
    return line.total_cycles, waits


def layer_cycles(graph: Graph, steps: Steps, placement: Placement, target: Target) -> dict[str, int]:
    """Name of a layer -> cycles that its MAC and vector commands are expected to take, waiting for ports included."""
    commands = commands_of(graph, steps, placement, target)
    line = simulate(commands, target)
    found: dict[str, int] = {}
    for command, start, end in zip(commands, line.start_cycles, line.end_cycles, strict=True):
        if command.instruction.unit not in (Unit.DMA, Unit.ANY):
            found[command.location] = found.get(command.location, 0) + end - start
    return found
