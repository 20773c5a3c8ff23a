# SPDX-License-Identifier: Apache-2.0
"""The discrete-event engine in C++ (lib/sim): `npuc.timing.engine`, number for number, some fifty times as fast."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from npuc import native

# as many as a semaphore's field in an instruction can name
SEMAPHORES = 256


def engine() -> Any:
    """`npuc._native.simulate`, or None where it is not built."""
    return getattr(native.module(), "simulate", None)


def run(rows: Iterable[int], queues: int) -> tuple[int, Sequence[int], Sequence[int], Sequence[int]] | None:
    """Total cycles, starts, ends and each queue's busy cycles; None where only the Python engine can say what is wrong.

    Args:
        rows: one number after the other: queue, semaphore (-1: work), value (-1: signal), latency, duration, SRAM share, DRAM share.
    """
    simulate = engine()
    if simulate is None:
        return None
    try:
        commands = np.array(list(rows), np.int64).reshape(-1, 7)
        total, starts, ends, busy, stuck = simulate(commands, queues, SEMAPHORES)
    except (ValueError, OverflowError):
        return None
    # a deadlock is explained where the queues' heads are known
    return None if stuck else (total, starts.tolist(), ends.tolist(), busy)
