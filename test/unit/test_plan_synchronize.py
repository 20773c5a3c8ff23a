# SPDX-License-Identifier: Apache-2.0
"""The semaphores that order the queues: all that are needed, checked by taking away one after the other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects, native, targets
from npuc.errors import Deadlock, HazardError, InternalError
from npuc.isa.base import Command, DType, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.program import NpuSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.plan import synchronize as plan_synchronize
from npuc.plan.synchronize import order_in_python, synchronize
from npuc.sim.hazards import check_program
from samples.networks import NAMED, run_levels

# network, machine, SRAM: fused and unfused, one to six queues, rings, streamed chunks, host edges
PROGRAMS = (
    ("conv_chain", "pico-64", None),
    ("conv_chain", "edge-2048", 16),
    ("residuals", "edge-256", 32),
    ("inception", "u65-512-dram", 16),
    ("classifier", "edge-256", 16),
    ("attention", "edge-2048", 32),
)


def program_of(name: str, target: str, sram_kib: int | None) -> Program:
    with dialects.new_context(), ir.Location.unknown():
        return run_levels(NAMED[name](), target, sram_kib).program


def commands_of(program: Program) -> list[Command]:
    (segment,) = (one for one in program.segments if isinstance(one, NpuSegment))
    return list(segment.commands)


def problem(program: Program, commands: Sequence[Command]) -> str:
    """What the hazard checker says of the program with other commands: "" or the name of the error."""
    segments = tuple(NpuSegment(tuple(commands)) if isinstance(one, NpuSegment) else one for one in program.segments)
    try:
        check_program(replace(program, segments=segments))
    except (HazardError, Deadlock) as error:
        return type(error).__name__
    return ""


@pytest.mark.parametrize(("name", "target", "sram_kib"), PROGRAMS)
def test_every_semaphore_is_needed(name, target, sram_kib):
    """A program without one of its waits has a race, or reads what nobody wrote yet; without one of its signals it stands still."""
    program = program_of(name, target, sram_kib)
    commands = commands_of(program)
    assert problem(program, commands) == ""
    survived, killed = [], {}
    for number, command in enumerate(commands):
        if not isinstance(command.instruction, Wait | Signal):
            continue
        found = problem(program, commands[:number] + commands[number + 1 :])
        if found:
            key = (type(command.instruction).__name__, found)
            killed[key] = killed.get(key, 0) + 1
        else:
            survived.append(f"{number}: {command.instruction} in {command.queue}")
    assert not survived
    assert killed[("Signal", "Deadlock")] > 1
    assert killed[("Wait", "HazardError")] > 1
    assert set(killed) == {("Signal", "Deadlock"), ("Wait", "HazardError")}


@pytest.mark.parametrize(("name", "target", "sram_kib"), PROGRAMS)
def test_waiting_for_one_signal_less_is_a_race(name, target, sram_kib):
    program = program_of(name, target, sram_kib)
    commands = commands_of(program)
    for number, command in enumerate(commands):
        if isinstance(command.instruction, Wait):
            early = Wait(semaphore=command.instruction.semaphore, value=command.instruction.value - 1)
            weaker = [*commands[:number], Command(early, command.queue, command.location), *commands[number + 1 :]]
            assert problem(program, weaker) == "HazardError", f"{number}: {command.instruction} in {command.queue}"


# small cases by hand -------------------------------------------------------------------------------

EDGE = targets.get("edge-256")


def transfer(queue: str, source: int, destination: int, size: int = 64, out: bool = False) -> Command:
    """A transfer into SRAM, or out of it."""
    dram, sram = Operand.dense(Space.DRAM, source, (1, 1, 1, size)), Operand.dense(Space.SRAM, destination, (1, 1, 1, size))
    return Command(Dma(src=sram, dst=dram) if out else Dma(src=dram, dst=sram), queue, "")


def text(commands: Sequence[Command]) -> str:
    """ "q" for a command in queue q; "wait q n" and "signal q"."""
    words = []
    for command in commands:
        match command.instruction:
            case Wait(semaphore=semaphore, value=value):
                words.append(f"{command.queue}: wait {semaphore} {value}")
            case Signal(semaphore=semaphore):
                words.append(f"{command.queue}: signal {semaphore}")
            case _:
                words.append(command.queue)
    return ", ".join(words)


DMA0, DMA1 = EDGE.queue_names.index("dma0"), EDGE.queue_names.index("dma1")


def test_a_write_before_a_read_is_waited_for():
    found = synchronize([transfer("dma0", 0, 0), transfer("dma1", 1024, 0, out=True)], EDGE)
    assert text(found) == f"dma0, dma0: signal {DMA0}, dma1: wait {DMA0} 1, dma1"


def test_two_reads_have_no_order():
    found = synchronize([transfer("dma0", 0, 0, out=True), transfer("dma1", 1024, 0, out=True)], EDGE)
    assert text(found) == "dma0, dma1"


def test_neighbours_have_no_order():
    assert text(synchronize([transfer("dma0", 0, 0), transfer("dma1", 1024, 64, out=True)], EDGE)) == "dma0, dma1"


def test_one_queue_is_in_order_with_itself():
    assert text(synchronize([transfer("dma0", 0, 0), transfer("dma0", 1024, 0, out=True)], EDGE)) == "dma0, dma0"


def test_a_later_signal_covers_an_earlier_one():
    """The third command conflicts with both; waiting for the second is enough."""
    found = synchronize([transfer("dma0", 0, 0), transfer("dma0", 64, 0), transfer("dma1", 1024, 0, 128, out=True)], EDGE)
    assert text(found) == f"dma0, dma0, dma0: signal {DMA0}, dma1: wait {DMA0} 1, dma1"


def test_a_chain_over_a_third_queue_is_an_order():
    """dma1 waits for dma0, and dma0 then for dma1: what dma0 did first is known."""
    found = synchronize(
        [transfer("dma0", 0, 0), transfer("dma1", 1024, 0, out=True), transfer("dma0", 2048, 0), transfer("dma1", 4096, 0, out=True)], EDGE
    )
    assert text(found) == (
        f"dma0, dma0: signal {DMA0}, dma1: wait {DMA0} 1, dma1, dma1: signal {DMA1}, dma0: wait {DMA1} 1, dma0, dma0: signal {DMA0}, "
        f"dma1: wait {DMA0} 2, dma1"
    )


def test_every_queue_has_a_semaphore():
    with pytest.raises(InternalError, match="one semaphore a queue"):
        synchronize([], replace(EDGE, semaphores=2))


# the copy in C++ -----------------------------------------------------------------------------------


def random_commands(seed: int, target: targets.base.Target) -> list[Command]:
    """Transfers between strided views of both memories, rings among them."""
    random = np.random.default_rng(seed)

    def some(space: Space, shape: tuple[int, int, int, int]) -> Operand:
        _, height, width, channels = shape
        stride = channels + int(random.integers(0, 6))
        row = width * stride + int(random.integers(0, 9))
        wrap = height + int(random.integers(0, 3)) if random.random() < 0.3 else 0
        strides = (0, row, stride, 1)
        return Operand(space, DType.I8, int(random.integers(0, 600)), shape, strides, wrap_rows=wrap, first_row=int(random.integers(0, max(wrap, 1))))

    commands = []
    for _ in range(int(random.integers(1, 1200 if seed % 8 == 0 else 80))):
        shape = (1, *(int(random.integers(1, 5)) for _ in range(3)))
        here, there = (Space.SRAM, Space.DRAM) if random.random() < 0.5 else (Space.DRAM, Space.SRAM)
        queue = str(random.choice([name for names in target.queues.values() for name in names]))
        commands.append(Command(Dma(src=some(here, shape), dst=some(there, shape)), queue))
    return commands


@pytest.mark.skipif(native.module() is None, reason="npuc._native is not built (no C++ compiler at installation)")
@pytest.mark.parametrize("name", ["pico-64", "edge-256", "edge-2048", "u65-512-dram"])
@pytest.mark.parametrize("seed", range(16))
def test_the_order_in_cpp_is_the_one_in_python(name, seed):
    """Queues, and whom each command waits for, of programs long enough that accesses are forgotten."""
    target = targets.get(name)
    commands = random_commands(seed, target)
    queues, waits = order_in_python(commands, target)
    found_queues, found_waits = plan_synchronize._native_order(commands, target)
    assert found_queues == queues
    assert found_waits == waits
