# SPDX-License-Identifier: Apache-2.0
"""The timing engine: exact where one command runs alone, bounded by units and ports where several run, the same every time."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuc import targets
from npuc.errors import Deadlock
from npuc.isa.base import Command, DType, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.reduce import Reduce
from npuc.isa.sync import Signal, Wait
from npuc.timing import figures, off_chip_bytes, simulate
from samples import programs

TARGET = targets.get("edge-256")


def dma(size, source=Space.DRAM, result=Space.SRAM):
    dense = Operand.dense
    return Dma(src=dense(source, 0, (1, 1, 1, size)), dst=dense(result, 0, (1, 1, 1, size)))


def copy(size):
    dense = Operand.dense
    return Elementwise(kind=ElementwiseKind.COPY, a=dense(Space.SRAM, 0, (1, 1, 1, size)), ofm=dense(Space.SRAM, size, (1, 1, 1, size)))


def test_a_transfer_alone_takes_its_latency_and_its_bytes():
    """8192 bytes at 8 a cycle after 100 cycles of latency; 50 the other way."""
    assert simulate([Command(dma(8192), "dma0")], TARGET).total_cycles == 100 + 8192 // 8
    assert simulate([Command(dma(8192, Space.SRAM, Space.DRAM), "dma0")], TARGET).total_cycles == 50 + 8192 // 8


def test_a_short_run_is_charged_whole_bursts():
    """64 runs of 3 bytes are 64 bursts of 64 bytes off chip."""
    scattered = Dma(src=Operand(Space.DRAM, DType.I8, 0, (1, 64, 1, 3), (0, 1000, 3, 1)), dst=Operand.dense(Space.SRAM, 0, (1, 64, 1, 3)))
    assert simulate([Command(scattered, "dma0")], TARGET).port_bytes == {Space.SRAM: 192, Space.DRAM: 64 * 64}


def test_two_transfers_share_the_off_chip_port():
    """Both want all of it: together they take as long as one after the other, latency once."""
    both = simulate([Command(dma(8000), "dma0"), Command(dma(8000), "dma1")], TARGET)
    assert both.total_cycles == 100 + 2000
    assert both.start_cycles == (0, 0) and both.end_cycles == (2100, 2100)


def test_a_command_that_leaves_the_port_gives_its_share_back():
    """The short one ends after 2 x 80 cycles of work; the rest of the long one has the port alone."""
    both = simulate([Command(dma(640), "dma0"), Command(dma(6400), "dma1")], TARGET)
    assert both.end_cycles == (100 + 160, 100 + 880)


def test_queues_that_share_no_port_do_not_delay_each_other():
    """A sum over i8 takes half of the SRAM port's time, a DMA a quarter: both run at full rate."""
    dense = Operand.dense
    total = Reduce(ifm=dense(Space.SRAM, 0, (1, 1, 1, 6400)), ofm=dense(Space.SRAM, 8000, (1, 1, 1, 1), DType.I32), reduce_c=1, raw=1)
    commands = [Command(total, "vector"), Command(dma(6400), "dma0")]
    both = simulate(commands, TARGET)
    assert both.end_cycles == (6 + 400, 100 + 800)
    assert both.end_cycles == tuple(simulate([command], TARGET).total_cycles for command in commands)


def test_a_wait_holds_its_queue_until_the_signal():
    commands = [
        Command(dma(640), "dma0"), Command(Signal(semaphore=2), "dma0"),
        Command(Wait(semaphore=2, value=1), "vector"), Command(copy(1600), "vector"),
    ]  # fmt: skip
    timeline = simulate(commands, TARGET)
    assert timeline.start_cycles == (0, 180, 180, 180)
    assert timeline.total_cycles == 180 + 6 + 100
    assert timeline.queue_busy_cycles == {"mac": 0, "vector": 106, "dma0": 180, "dma1": 0}


def test_a_deadlock_names_queues_and_semaphores():
    commands = [
        Command(Wait(semaphore=1, value=1), "mac"), Command(Signal(semaphore=0), "mac"),
        Command(Wait(semaphore=0, value=1), "vector"), Command(Signal(semaphore=1), "vector"),
    ]  # fmt: skip
    with pytest.raises(Deadlock) as failure:
        simulate(commands, TARGET)
    assert "mac waits for semaphore 1 to reach 1, it stands at 0" in str(failure.value)
    assert "vector waits for semaphore 0 to reach 1" in str(failure.value)


def test_off_chip_bytes_are_told_apart_by_direction():
    commands = [Command(dma(640), "dma0"), Command(dma(128, Space.SRAM, Space.DRAM), "dma0"), Command(copy(1600), "vector")]
    assert off_chip_bytes(commands, TARGET) == (640, 128)


def random_program(seed, machine):
    """Work in random queues, with waits on signals that come earlier in the list: no deadlock."""
    random = np.random.default_rng(seed)
    queues = [("vector", "vector"), *(("dma", name) for name in machine.queues["dma"])]
    queues = [(kind, machine.queues[kind][0] if kind == "vector" else name) for kind, name in queues]
    commands, counts = [], dict.fromkeys(range(len(queues)), 0)
    for _ in range(int(random.integers(1, 40))):
        index = int(random.integers(len(queues)))
        kind, queue = queues[index]
        other = int(random.integers(len(queues)))
        if random.random() < 0.4 and counts[other]:
            commands.append(Command(Wait(semaphore=other, value=int(random.integers(1, counts[other] + 1))), queue))
        size = int(random.integers(1, 20_000))
        ends = (Space.SRAM, Space.DRAM) if random.random() < 0.5 else (Space.DRAM, Space.SRAM)
        commands.append(Command(copy(size) if kind == "vector" else dma(size, *ends), queue))
        if random.random() < 0.5:
            commands.append(Command(Signal(semaphore=index), queue))
            counts[index] += 1
    return commands


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(targets.names()))
def test_total_time_lies_between_the_longest_of_units_and_ports_and_everything_in_a_row(seed, name):
    machine = targets.get(name)
    commands = random_program(seed, machine)
    timeline = simulate(commands, machine)
    alone = [command.instruction.cycles(machine) for command in commands]
    for queue in machine.queue_names:
        assert timeline.total_cycles >= sum(cycles for cycles, command in zip(alone, commands, strict=True) if command.queue == queue)
    for space, memory in ((Space.SRAM, machine.sram), (Space.DRAM, machine.dram)):
        assert timeline.total_cycles * memory.bytes_per_cycle >= timeline.port_bytes[space] - memory.bytes_per_cycle
    # a rate is rounded down, a completion up to a whole cycle
    assert timeline.total_cycles <= sum(alone) + len(commands) + Fraction(sum(alone), 1000)
    for start, end, cycles in zip(timeline.start_cycles, timeline.end_cycles, alone, strict=True):
        assert end - start >= cycles


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_queues_and_semaphores_are_obeyed(seed):
    commands = random_program(seed, TARGET)
    timeline = simulate(commands, TARGET)
    last, signals = {}, {}
    for number, command in enumerate(commands):
        assert timeline.start_cycles[number] >= last.get(command.queue, 0)
        last[command.queue] = timeline.end_cycles[number]
        instruction = command.instruction
        if isinstance(instruction, Signal):
            signals.setdefault(instruction.semaphore, []).append(timeline.end_cycles[number])
        if isinstance(instruction, Wait):
            assert timeline.end_cycles[number] >= signals[instruction.semaphore][instruction.value - 1]


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_list_across_queues_does_not_matter(seed):
    commands = random_program(seed, TARGET)
    grouped = [command for queue in TARGET.queue_names for command in commands if command.queue == queue]
    first, second = simulate(commands, TARGET), simulate(grouped, TARGET)
    assert first.total_cycles == second.total_cycles and first.queue_busy_cycles == second.queue_busy_cycles


def test_double_buffering_hides_transfers_behind_work():
    """The longest queue is nearly always busy; in a row it would take far longer."""
    commands = programs.stripes(40, TARGET)
    timeline = simulate(commands, TARGET)
    in_a_row = sum(command.instruction.cycles(TARGET) for command in commands)
    assert timeline.total_cycles < 0.6 * in_a_row


def test_figures_known_before_give_the_same_timeline():
    commands = programs.stripes(5, TARGET)
    assert simulate(commands, TARGET, [figures(command.instruction, TARGET) for command in commands]) == simulate(commands, TARGET)


@pytest.mark.parametrize("name", targets.names())
def test_every_machine_runs_the_same_engine(name):
    machine = targets.get(name)
    queue = machine.queues["vector"][0]
    assert simulate([Command(copy(4096), queue)], machine).total_cycles == copy(4096).cycles(machine)
