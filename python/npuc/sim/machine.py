# SPDX-License-Identifier: Apache-2.0
"""The machine's memories, and commands taking effect on them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npuc.errors import NpucError, SimulationError
from npuc.isa.base import Command, Space
from npuc.isa.program import Program
from npuc.sim.order import describe, legal_order

# what never was written is recognisable in a dump, and never zero by luck
_STALE = 0xA5

Memories = dict[Space, np.ndarray]


def memories(sram_bytes: int, dram_bytes: int, constants: bytes = b"") -> Memories:
    """u8 images: SRAM stale, DRAM with `constants` from address 0 on."""
    dram = np.zeros(dram_bytes, np.uint8)
    dram[: len(constants)] = np.frombuffer(constants, np.uint8)
    return {Space.SRAM: np.full(sram_bytes, _STALE, np.uint8), Space.DRAM: dram}


def memories_of(program: Program) -> Memories:
    """The images a program starts with."""
    return memories(program.sram_bytes, program.dram_bytes, program.constants)


def renew(memory: Memories, constant_bytes: int) -> None:
    """Bring images back to what a run starts with, in place: SRAM stale, DRAM zero beyond the constants, which nobody has written to."""
    memory[Space.SRAM].fill(_STALE)
    memory[Space.DRAM][constant_bytes:] = 0


def run(
    commands: Sequence[Command], memory: Memories, kernels: Any,
    order: Sequence[int] | None = None, watch: Callable[[int, Command], None] | None = None,
) -> None:  # fmt: skip
    """Execute one segment on `memory`, in place.

    Args:
        kernels: namespace of an engine, see `npuc.sim.engines`.
        order: a legal order found before; the result does not depend on which, where the program has no hazard.
        watch: called after each command with its number.

    Raises:
        Deadlock: no legal order.
        SimulationError: a command that cannot be executed, OutOfBounds among them.
    """
    for number in legal_order(commands) if order is None else order:
        command = commands[number]
        execute(number, command, memory, kernels)
        if watch is not None:
            watch(number, command)


def execute(number: int, command: Command, memory: Memories, kernels: Any) -> None:
    """The effect of one command on `memory`.

    Raises:
        SimulationError: the command cannot be executed; the error names it.
    """
    try:
        command.instruction.effect(memory, kernels)
    except NpucError as error:
        if not error.layer:
            error.layer = command.location
            error.args = (error._text(),)
        raise
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise SimulationError(f"{describe(number, command)} cannot be executed: {error}", layer=command.location) from error
