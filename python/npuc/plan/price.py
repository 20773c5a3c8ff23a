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
                view(graph.types[value], where[buffer], tile.regions[position])
                for value, buffer, position in zip(node.activations, step.inputs, activations, strict=True)
            ]
            output = view(tile.spec.output, where[step.output]) if step.alone else view(node.spec.output, where[step.output], step.region)
            params = blob(where[step.params], min(moved[step.params], tile.spec.param_bytes())) if step.params >= 0 else Operand.absent()
            scratch = blob(where[step.scratch], tile.spec.scratch_bytes(target)) if step.scratch >= 0 else Operand.absent()
            commands += compute_commands(tile.spec, inputs, output, params, scratch, target, node.name)
    return synchronize(commands, target)


def price_schedule(graph: Graph, steps: Steps, placement: Placement, target: Target) -> int:
    """Total cycles by the timing engine."""
    return simulate(commands_of(graph, steps, placement, target), target).total_cycles


def layer_cycles(graph: Graph, steps: Steps, placement: Placement, target: Target) -> dict[str, int]:
    """Name of a layer -> cycles that its MAC and vector commands are expected to take, waiting for ports included."""
    commands = commands_of(graph, steps, placement, target)
    line = simulate(commands, target)
    found: dict[str, int] = {}
    for command, start, end in zip(commands, line.start_cycles, line.end_cycles, strict=True):
        if command.instruction.unit not in (Unit.DMA, Unit.ANY):
            found[command.location] = found.get(command.location, 0) + end - start
    return found
