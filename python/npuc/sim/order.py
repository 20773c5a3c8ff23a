# SPDX-License-Identifier: Apache-2.0
"""An order in which queues and semaphores let the commands happen, times aside."""

from collections.abc import Sequence

import numpy as np

from npuc.errors import Deadlock, SimulationError
from npuc.isa.base import Command
from npuc.isa.sync import Signal, Wait


def describe(number: int, command: Command) -> str:
    """A command for a message: place in the program, queue, mnemonic, layer."""
    layer = f" of layer '{command.location}'" if command.location else ""
    return f"command {number} ({command.instruction.mnemonic} in queue {command.queue}{layer})"


def queue_lines(commands: Sequence[Command]) -> dict[str, list[int]]:
    """Queue -> numbers of its commands, in order."""
    lines: dict[str, list[int]] = {}
    for number, command in enumerate(commands):
        lines.setdefault(command.queue, []).append(number)
    return lines


def legal_order(commands: Sequence[Command], seed: int | None = None) -> list[int]:
    """Numbers of all commands in an order that respects queues and semaphores; counters start at 0.

    Args:
        seed: None takes each queue as far as it goes, in turn; a number draws the next queue at random (for tests).

    Raises:
        Deadlock: the queues wait for one another, or for a signal that never comes.
        SimulationError: two queues signal one semaphore.
    """
    lines = queue_lines(commands)
    _check_signals(commands)
    counters: dict[int, int] = {}
    at = dict.fromkeys(lines, 0)
    random = None if seed is None else np.random.default_rng(seed)
    order: list[int] = []

    def blocked(queue: str) -> bool:
        head = commands[lines[queue][at[queue]]].instruction
        return isinstance(head, Wait) and counters.get(head.semaphore, 0) < head.value

    def step(queue: str) -> None:
        number = lines[queue][at[queue]]
        instruction = commands[number].instruction
        if isinstance(instruction, Signal):
            counters[instruction.semaphore] = counters.get(instruction.semaphore, 0) + 1
        order.append(number)
        at[queue] += 1

    while len(order) < len(commands):
        ready = [queue for queue, line in lines.items() if at[queue] < len(line) and not blocked(queue)]
        if not ready:
            raise _deadlock(commands, lines, at, counters)
        if random is not None:
            step(ready[random.integers(len(ready))])
            continue
        for queue in ready:
            while at[queue] < len(lines[queue]) and not blocked(queue):
                step(queue)
    return order


def _check_signals(commands: Sequence[Command]) -> None:
    """One queue signals a given semaphore: else nobody could say whose signal a count stands for."""
    owner: dict[int, int] = {}
    for number, command in enumerate(commands):
        if not isinstance(command.instruction, Signal):
            continue
        semaphore = command.instruction.semaphore
        first = owner.setdefault(semaphore, number)
        if commands[first].queue != command.queue:
            raise SimulationError(
                f"two queues signal semaphore {semaphore}", layer=command.location,
                found=f"{describe(first, commands[first])} and {describe(number, command)}", wanted="one queue a semaphore",
            )  # fmt: skip


def _deadlock(commands: Sequence[Command], lines: dict[str, list[int]], at: dict[str, int], counters: dict[int, int]) -> Deadlock:
    states, layer = [], ""
    for queue, line in lines.items():
        if at[queue] == len(line):
            continue
        command = commands[line[at[queue]]]
        wait = command.instruction
        assert isinstance(wait, Wait)
        layer = layer or command.location
        states.append(f"{queue} waits for semaphore {wait.semaphore} to reach {wait.value}, it stands at {counters.get(wait.semaphore, 0)}")
    return Deadlock("no queue can go on", layer=layer, found="; ".join(states), wanted="a signal for each wait")
