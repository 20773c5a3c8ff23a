# SPDX-License-Identifier: Apache-2.0
"""Races are found by happens-before: every missing wait, every shared byte, whatever the timing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from npuc import native, targets
from npuc.errors import Deadlock, HazardError, NpucError, OutOfBounds, SimulationError
from npuc.isa.base import Command, DType, Extent, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.sync import Signal, Wait
from npuc.numerics import kernels
from npuc.sim import hazards, machine
from npuc.sim.order import legal_order
from samples import programs

TARGET = targets.get("edge-256")
SRAM = 4096


def checked(commands, sram=SRAM, dram=1 << 16, written=((Space.DRAM, 0, 1 << 15),)):
    """By the checker in Python; the one in C++ must agree."""

    def ground():
        state = hazards.Written({Space.SRAM: sram, Space.DRAM: dram})
        for space, low, high in written:
            state.mark(space, low, high)
        return state

    state, proved = ground(), ground()
    free = hazards._race_free(commands, TARGET, proved)
    try:
        hazards.check_in_python(commands, TARGET, state)
    except NpucError:
        assert not free
        hazards.check(commands, TARGET, ground())
        raise AssertionError("check let pass what its own checker refuses") from None
    if native.module() is not None:
        assert free
        assert all((proved.bytes[space] == state.bytes[space]).all() for space in state.bytes)
    hazards.check(commands, TARGET, ground())


def flat(space, base, size):
    return Operand.dense(space, base, (1, 1, 1, size))


def bring(low, size, queue="dma0", layer="bring"):
    return Command(Dma(src=flat(Space.DRAM, 0, size), dst=flat(Space.SRAM, low, size)), queue, layer)


def move(low, to, size, queue="vector", layer="move"):
    return Command(Elementwise(kind=ElementwiseKind.COPY, a=flat(Space.SRAM, low, size), ofm=flat(Space.SRAM, to, size)), queue, layer)


def test_a_sound_program_passes():
    hazards.check_program(programs.program(5))


SOUND = programs.stripes(5, TARGET)
WAITS = [number for number, command in enumerate(SOUND) if isinstance(command.instruction, Wait)]


@pytest.mark.parametrize("number", WAITS)
def test_removing_any_wait_is_a_hazard(number):
    damaged = replace(programs.program(5), segments=(programs.NpuSegment((*SOUND[:number], *SOUND[number + 1 :])),))
    damaged = replace(damaged, inputs=(programs.Port("image.q", 1),))
    with pytest.raises(HazardError):
        hazards.check_program(damaged)


@pytest.mark.parametrize("number", WAITS)
def test_waiting_for_less_is_a_hazard(number):
    """A wait that asks for one signal fewer lets its queue overtake."""
    wait = SOUND[number].instruction
    commands = (*SOUND[:number], replace(SOUND[number], instruction=replace(wait, value=wait.value - 1)), *SOUND[number + 1 :])
    damaged = replace(programs.program(5), segments=(programs.NpuSegment(commands),), inputs=(programs.Port("image.q", 1),))
    with pytest.raises(HazardError):
        hazards.check_program(damaged)


def test_a_race_names_both_commands_their_layers_queues_and_the_bytes():
    with pytest.raises(HazardError) as failure:
        checked([bring(100, 50, layer="conv1"), bring(120, 50, "dma1", "conv2")])
    text = str(failure.value)
    assert "SRAM bytes 0x78..0x96" in text
    assert "command 0 (dma in queue dma0 of layer 'conv1') writes 0x64..0x96" in text
    assert "command 1 (dma in queue dma1 of layer 'conv2') writes 0x78..0xaa" in text


def test_an_order_through_a_third_queue_counts():
    first, second = bring(0, 64), bring(0, 64, "dma1")
    chain = [
        first, Command(Signal(semaphore=0), "dma0"),
        Command(Wait(semaphore=0, value=1), "mac"), Command(Signal(semaphore=1), "mac"),
        Command(Wait(semaphore=1, value=1), "dma1"), second,
    ]  # fmt: skip
    checked(chain)
    with pytest.raises(HazardError):
        checked(chain[:2] + chain[3:])


def test_two_readers_need_no_order():
    read = [Command(Dma(src=flat(Space.DRAM, 0, 64), dst=flat(Space.SRAM, base, 64)), queue) for base, queue in ((0, "dma0"), (64, "dma1"))]
    checked(read)


def test_interleaved_columns_do_not_touch():
    """Two halves of the channels of one tensor, written by two queues: bounding boxes overlap, bytes do not."""
    whole = Operand.dense(Space.SRAM, 0, (1, 4, 4, 16))
    halves = [replace(whole, base=base, shape=(1, 4, 4, 8)) for base in (0, 8)]
    commands = [Command(Dma(dst=half), queue) for half, queue in zip(halves, ("dma0", "dma1"), strict=True)]
    checked(commands)
    wider = replace(halves[1], base=7)
    with pytest.raises(HazardError):
        checked([commands[0], Command(Dma(dst=wider), "dma1")])


def test_rings_are_seen_where_they_wrap():
    """Rows 3 and 0 of a ring of 4 against row 1, then against row 0."""
    ring = Operand(Space.SRAM, DType.I8, 0, (1, 2, 1, 16), (64, 16, 16, 1), wrap_rows=4, first_row=3)
    checked([Command(Dma(dst=ring), "dma0"), Command(Dma(dst=flat(Space.SRAM, 16, 32)), "dma1")])
    with pytest.raises(HazardError):
        checked([Command(Dma(dst=ring), "dma0"), Command(Dma(dst=flat(Space.SRAM, 8, 8)), "dma1")])


def test_a_read_of_bytes_that_nothing_wrote_is_named():
    with pytest.raises(HazardError, match="reads SRAM byte 0x28, which nothing has written"):
        checked([Command(Dma(dst=flat(Space.SRAM, 0, 40)), "vector"), move(0, 64, 41)])


def test_constants_and_inputs_count_as_written_and_nothing_else_in_dram():
    checked([bring(0, 64)], written=((Space.DRAM, 0, 64),))
    with pytest.raises(HazardError, match="reads DRAM byte 0x3f"):
        checked([bring(0, 64)], written=((Space.DRAM, 0, 63),))


def test_sram_holds_nothing_at_the_start_of_a_segment():
    program = programs.program(2)
    commands = program.segments[1].commands
    cut = next(number for number, command in enumerate(commands) if isinstance(command.instruction, Wait))
    split = (*program.segments[:1], programs.NpuSegment(commands[:cut]), programs.NpuSegment(commands[cut:]), *program.segments[2:])
    with pytest.raises((HazardError, Deadlock)):
        hazards.check_program(replace(program, segments=split))


def test_an_access_beyond_the_memory_is_named():
    with pytest.raises(OutOfBounds, match="0xff0..0x1010"):
        checked([bring(SRAM - 16, 32)])


def test_flash_cannot_be_written():
    flash = replace(TARGET, dram=replace(TARGET.dram, writable=False))
    state = hazards.Written({Space.SRAM: 64, Space.DRAM: 64})
    with pytest.raises(HazardError, match="cannot write"):
        hazards.check([Command(Dma(dst=flat(Space.DRAM, 0, 8)), "dma0")], flash, state)


def test_an_output_over_its_own_input_is_a_hazard_unless_it_is_the_same_bytes():
    full = [Command(Dma(dst=flat(Space.SRAM, 0, 256)), "vector")]
    checked([*full, move(0, 0, 64)])
    with pytest.raises(HazardError, match="writes over its own input"):
        checked([*full, move(0, 1, 64)])


def test_two_queues_that_signal_one_semaphore_are_refused():
    with pytest.raises(SimulationError, match="two queues signal semaphore 3"):
        checked([Command(Signal(semaphore=3), "mac"), Command(Signal(semaphore=3), "vector")])


def test_a_semaphore_that_does_not_exist_is_refused():
    with pytest.raises(HazardError, match=r"wanted: 0\.\.31"):
        checked([Command(Signal(semaphore=32), "mac")])


def test_a_value_never_reached_is_a_deadlock():
    with pytest.raises(Deadlock, match="mac waits for semaphore 0 to reach 2, it stands at 1"):
        checked([Command(Signal(semaphore=0), "vector"), Command(Wait(semaphore=0, value=2), "mac")])


# against oracles of another kind ------------------------------------------------------------------


def bytes_of(extent):
    """Every address of an extent, one by one."""
    found = {extent.start}
    for count, stride in zip(extent.counts, extent.strides, strict=True):
        found = {base + i * stride for base in found for i in range(count)}
    return {base + i for base in found for i in range(extent.run_bytes)}


EXTENTS = st.builds(
    lambda start, run, dims: Extent(start, run, tuple(count for count, _ in dims), tuple(stride for _, stride in dims)),
    st.integers(0, 60), st.integers(1, 6), st.lists(st.tuples(st.integers(2, 4), st.integers(-20, 20).filter(bool)), max_size=3),
)  # fmt: skip


@settings(max_examples=500)
@given(EXTENTS, EXTENTS)
def test_extents_overlap_when_they_share_an_address(left, right):
    assert left.overlaps(right) == bool(bytes_of(left) & bytes_of(right))
    assert (left.low, left.high) == (min(bytes_of(left)), max(bytes_of(left)) + 1)


VIEWS = st.builds(
    lambda dtype, shape, strides, base, ring, first: Operand(
        Space.SRAM, dtype, base, shape, strides, wrap_rows=ring and max(ring, shape[1]), first_row=first % max(ring, shape[1]) if ring else 0
    ),
    st.sampled_from((DType.I8, DType.I16, DType.UI8)), st.tuples(*[st.integers(1, 3)] * 4), st.tuples(*[st.integers(-24, 24)] * 4),
    st.integers(100, 160), st.integers(0, 4), st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=500)
@given(VIEWS, VIEWS, st.booleans())
def test_views_of_any_strides_and_rings_race_where_they_share_an_address(left, right, read):
    """Two queues without a semaphore: one fills its view, the other fills or reads its own."""
    other = Dma(src=right, dst=Operand.dense(Space.DRAM, 0, right.shape, right.dtype)) if read else Dma(dst=right)
    commands = [Command(Dma(dst=left), "dma0"), Command(other, "dma1")]
    mine, theirs = (set().union(*map(bytes_of, view.extents())) for view in (left, right))
    assert [(min(found), max(found) + 1) for found in (mine, theirs)] == [left.reach(), right.reach()]
    try:
        checked(commands, sram=512, written=((Space.SRAM, 0, 512),))
        assert not mine & theirs
    except HazardError:
        assert mine & theirs


def random_program(seed):
    """Copies and fills of few bytes in four queues, with random waits."""
    random = np.random.default_rng(seed)
    queues = ["dma0", "dma1", "vector"]
    commands, counts = [], dict.fromkeys(range(3), 0)
    for _ in range(int(random.integers(3, 12))):
        index, other = (int(v) for v in random.integers(3, size=2))
        if random.random() < 0.6 and counts[other]:
            commands.append(Command(Wait(semaphore=other, value=counts[other]), queues[index]))
        low, to = (int(v) for v in random.integers(0, 12, 2) * 4)
        if abs(low - to) < 8:
            to = low
        if queues[index] == "vector":
            commands.append(move(low, to, 8))
        else:
            fill = Dma(dst=flat(Space.SRAM, to, 8), fill_value=int(random.integers(100)))
            commands.append(Command(fill, queues[index]))
        if random.random() < 0.7:
            commands.append(Command(Signal(semaphore=index), queues[index]))
            counts[index] += 1
    return commands


def outcome(commands, seed):
    memory = machine.memories(64, 64)
    machine.run(commands, memory, kernels, order=legal_order(commands, seed))
    return memory[Space.SRAM].tobytes()


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_program_without_a_hazard_gives_one_result_in_every_legal_order(seed):
    commands = random_program(seed)
    try:
        checked(commands, sram=64, written=((Space.SRAM, 0, 64),))
    except HazardError:
        assume(False)
    assert len({outcome(commands, order) for order in range(10)}) == 1


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_checker_agrees_with_reachability_in_the_graph_of_all_commands(seed):
    """The oracle: edges of queues and semaphores, closed transitively; every pair that shares a byte, one writing."""
    commands = random_program(seed)
    count = len(commands)
    before = np.zeros((count, count), bool)
    signals, last = {}, {}
    for number, command in enumerate(commands):
        if command.queue in last:
            before[last[command.queue], number] = True
        last[command.queue] = number
        instruction = command.instruction
        if isinstance(instruction, Signal):
            signals.setdefault(instruction.semaphore, []).append(number)
        if isinstance(instruction, Wait) and instruction.value:
            before[signals[instruction.semaphore][instruction.value - 1], number] = True
    for middle in range(count):
        before |= before[:, middle : middle + 1] & before[middle : middle + 1, :]

    def touched(views):
        return {address for view in views for extent in view.extents() for address in bytes_of(extent)}

    races = False
    for first in range(count):
        for second in range(first):
            if before[first, second] or before[second, first]:
                continue
            one, two = commands[first].instruction, commands[second].instruction
            shared = (touched(one.writes()) & touched((*two.reads(), *two.writes()))) | (touched(two.writes()) & touched(one.reads()))
            races = races or bool(shared)
    try:
        checked(commands, sram=64, written=((Space.SRAM, 0, 64),))
        assert not races
    except HazardError:
        assert races
