# SPDX-License-Identifier: Apache-2.0
"""When parameters are fetched: just in time for a busy DMA, as far ahead as that takes and the SRAM allows.

Transfers share the off-chip port one after the other. Going backward over the program, each must end before the command that
needs it starts and before the next transfer starts; where the port is the bottleneck the starts move ahead of the use on their
own. A start becomes the command in front of which the load stands, later where the bytes alive in between leave no room.
"""

from collections.abc import Sequence

import numpy as np

from npuc.ops.base import region_type
from npuc.plan.graph import Graph
from npuc.plan.steps import Compute, Load, LoadParams, Steps, Store
from npuc.targets.base import Target


def fetch_positions(graph: Graph, steps: Steps, cycles: Sequence[int], target: Target, capacity_bytes: int) -> tuple[int, ...]:
    """For each parameter load, in the order of use, the number of the compute step in front of which it stands.

    Args:
        steps: expanded with every load at its point of use.
        cycles: of each compute step, alone.
        capacity_bytes: SRAM that the buffers alive at one time may take.
    """
    starts = np.concatenate(([0], np.cumsum(np.asarray(cycles, np.int64))))
    wanted = _starts(graph, steps, starts, target)
    alive, uses = _alive(steps, len(cycles))
    positions = []
    earliest = 0
    for (use, size), start in zip(uses, wanted, strict=True):
        position = int(np.searchsorted(starts[: use + 1], start, side="right")) - 1
        position = min(max(position, earliest, 0), use)
        full = np.nonzero(alive[position:use] + size > capacity_bytes)[0]
        if len(full):
            position += int(full[-1]) + 1
        alive[position:use] += size
        positions.append(position)
        earliest = position
    return tuple(positions)


def _starts(graph: Graph, steps: Steps, starts: np.ndarray, target: Target) -> list[int]:
    """Latest cycle at which each parameter load may start, in the order of use."""
    dram = target.dram
    found: list[int] = []
    computes = sum(isinstance(step, Compute) for step in steps.steps)
    free = int(starts[-1])
    # the compute step that a transfer must be ready for: the next one that touches its buffer
    needed: dict[int, int] = {}
    for step in reversed(steps.steps):
        if isinstance(step, Compute):
            computes -= 1
            for buffer in (*step.inputs, step.params):
                needed[buffer] = computes
        elif isinstance(step, Load):
            size = region_type(graph.types[step.value], step.region).bytes
            deadline = int(starts[needed.get(step.buffer, computes)])
            free = min(free, deadline) - dram.cycles(size) - dram.read_latency
        elif isinstance(step, LoadParams):
            ready = int(starts[needed.get(step.buffer, computes)])
            free = min(free, ready) - dram.cycles(step.moved_bytes) - dram.read_latency
            found.append(free)
        elif isinstance(step, Store):
            size = region_type(graph.types[step.value], step.region).bytes
            if free > starts[computes]:
                free = max(free - dram.cycles(size) - dram.write_latency, int(starts[computes]))
    return found[::-1]


def _alive(steps: Steps, count: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Bytes alive at each compute step, and (compute step, bytes) of each parameter load at its point of use."""
    order: list[int] = []
    number = 0
    uses: list[tuple[int, int]] = []
    for step in steps.steps:
        order.append(min(number, count - 1))
        if isinstance(step, LoadParams):
            uses.append((number, steps.buffers[step.buffer].size_bytes))
        number += isinstance(step, Compute)
    alive = np.zeros(count + 1, np.int64)
    for buffer in steps.buffers:
        alive[order[buffer.first]] += buffer.size_bytes
        alive[order[buffer.last] + 1] -= buffer.size_bytes
    return np.cumsum(alive)[:count], uses
