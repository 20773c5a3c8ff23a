# SPDX-License-Identifier: Apache-2.0
"""Semaphores: monotone counters that order the queues."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa.base import Instruction, Space, Unit, u8, u32
from npuc.targets.base import Target


def _semaphore_limits(semaphore: int, target: Target) -> Iterator[str]:
    if semaphore >= target.semaphores:
        yield f"semaphore is {semaphore}, {target.name} has 0..{target.semaphores - 1}"


@dataclass(frozen=True)
class Wait(Instruction):
    """Hold the queue until the semaphore's counter is at least `value`."""

    opcode: ClassVar[int] = 20
    mnemonic: ClassVar[str] = "wait"
    unit: ClassVar[Unit] = Unit.ANY

    semaphore: int = u8("counter waited for")
    value: int = u32("least count that lets the queue go on")

    def busy_cycles(self, target: Target) -> int:
        """Waiting itself costs nothing."""
        return 0

    def traffic(self, target: Target) -> dict[Space, int]:
        """Touches no memory."""
        return {}

    def latency(self, target: Target) -> int:
        """None."""
        return 0

    def limits(self, target: Target) -> Iterator[str]:
        yield from _semaphore_limits(self.semaphore, target)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        """Touches no memory."""


@dataclass(frozen=True)
class Signal(Instruction):
    """Add one to the semaphore's counter once everything before it in its queue has completed; one queue signals a given semaphore."""

    opcode: ClassVar[int] = 21
    mnemonic: ClassVar[str] = "signal"
    unit: ClassVar[Unit] = Unit.ANY

    semaphore: int = u8("counter raised")

    def busy_cycles(self, target: Target) -> int:
        """Signalling itself costs nothing."""
        return 0

    def traffic(self, target: Target) -> dict[Space, int]:
        """Touches no memory."""
        return {}

    def latency(self, target: Target) -> int:
        """None."""
        return 0

    def limits(self, target: Target) -> Iterator[str]:
        yield from _semaphore_limits(self.semaphore, target)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        """Touches no memory."""
