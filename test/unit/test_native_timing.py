# SPDX-License-Identifier: Apache-2.0
"""The timing engine in C++ equals the one in Python, every start, end and busy cycle."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuc import targets
from npuc.errors import Deadlock
from npuc.isa.base import Command, Space
from npuc.isa.sync import Signal, Wait
from npuc.timing import engine, native, simulate
from npuc.timing.engine import Figures, simulate_in_python
from samples import programs

TARGET = targets.get("edge-2048")
if native.engine() is None:
    pytest.skip("npuc._native is not built (no C++ compiler at installation)", allow_module_level=True)


def random_case(seed):
    """Commands whose figures are drawn at random: ports idle, shared and saturated, work of no length, waits that hold and do not."""
    random = np.random.default_rng(seed)
    queues = TARGET.queue_names[: int(random.integers(1, len(TARGET.queue_names) + 1))]
    owners, counts = {}, {}
    commands, known = [], []

    def append(instruction, queue, figures):
        commands.append(Command(instruction, queue))
        known.append(figures)

    nothing = Figures(0, 0, 0, 0, 0, 0)
    dummy = programs.stripes(1, TARGET)[0].instruction
    for _ in range(int(random.integers(1, 60))):
        queue = str(random.choice(queues))
        semaphore = int(random.integers(0, 4))
        if random.random() < 0.4 and counts.get(semaphore):
            append(Wait(semaphore=semaphore, value=int(random.integers(0, counts[semaphore] + 1))), queue, nothing)
        duration = int(random.choice((0, 1, 7, 100, 3000, 1 << 30)) * random.random())
        shares = [int(share) if random.random() < 0.7 else 0 for share in random.integers(0, (1 << 16) + 1, 2)]
        latency = int(random.integers(0, 120)) if random.random() < 0.7 else 0
        append(dummy, queue, Figures(latency, duration, *shares, *random.integers(0, 9999, 2).tolist()))
        if random.random() < 0.5 and owners.setdefault(semaphore, queue) == queue:
            append(Signal(semaphore=semaphore), queue, nothing)
            counts[semaphore] = counts.get(semaphore, 0) + 1
    return commands, known


@settings(max_examples=400)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_programs_have_the_same_timeline(seed):
    commands, known = random_case(seed)
    wanted = simulate_in_python(commands, TARGET, known)
    assert engine._native_run(commands, TARGET, known) == wanted == simulate(commands, TARGET, known)


@pytest.mark.parametrize("name", targets.names())
def test_a_program_has_the_same_timeline_on_every_machine(name):
    machine = targets.get(name)
    if not {"dma0", "dma1", "mac", "vector"} <= set(machine.queue_names):
        pytest.skip("the hand-made program needs four queues")
    commands = programs.stripes(25, machine)
    known = [engine.figures(command.instruction, machine) for command in commands]
    assert engine._native_run(commands, machine, known) == simulate_in_python(commands, machine, known)


def test_a_deadlock_is_explained_by_the_python_engine():
    commands = [Command(Wait(semaphore=1, value=1), "mac"), Command(Signal(semaphore=0), "vector")]
    with pytest.raises(Deadlock, match="mac waits for semaphore 1 to reach 1, it stands at 0"):
        simulate(commands, TARGET)


def test_nothing_takes_no_time():
    timeline = simulate((), TARGET)
    assert timeline.total_cycles == 0 and timeline.start_cycles == () and timeline.port_bytes == {Space.SRAM: 0, Space.DRAM: 0}


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ([9, -1, 0, 0, 0, 0, 0], "row 0 names a queue"),
        ([0, 400, 0, 0, 0, 0, 0], "row 0 names a queue or semaphore"),
        ([0, -1, 0, -1, 0, 0, 0], "figure out of range"),
        ([0, -1, 0, 0, 1 << 50, 0, 0], "figure out of range"),
        ([0, -1, 0, 0, 5, 1 << 17, 0], "figure out of range"),
        ([0, -1, 0, 0, 5, 0], "6 columns, wanted 7"),
    ],
)
def test_what_cannot_be_timed_is_refused(row, text):
    with pytest.raises(ValueError, match=text):
        importlib.import_module("npuc._native").simulate(np.array([row], np.int64), 4, 256)
