# SPDX-License-Identifier: Apache-2.0
"""The native engine equals each instruction's own `effect` in numpy, byte for byte of both memories, on every code path."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from npuc.errors import SimulationError
from npuc.isa import all_instructions
from npuc.isa.base import OPERAND_NUMBERS, Command, Operand, Space, u8
from npuc.isa.conv2d import Conv2d
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.matmul import Matmul
from npuc.isa.records import pack_scales
from npuc.isa.sync import Signal, Wait
from npuc.isa.table import Table
from npuc.numerics import kernels
from npuc.runtime import load
from npuc.sim import machine
from npuc.sim.native import NativeSegment
from samples import Arena, programs
from samples.instructions import KINDS

native = pytest.importorskip("npuc._native", reason="npuc._native is not built (no C++ compiler at installation)")

PATHS = native.paths()
SIZES = {Space.SRAM: 1 << 18, Space.DRAM: 1 << 17}
CASES = settings(max_examples=15)


def in_order(instructions):
    return [Command(instruction, "any", f"layer{number}") for number, instruction in enumerate(instructions)]


def segment(commands, memory, path="auto", constant_bytes=0):
    sizes = len(memory[Space.SRAM]), len(memory[Space.DRAM])
    return NativeSegment(commands, range(len(commands)), *sizes, constant_bytes, path)


def same(instructions, memory, path):
    """Both engines leave the same bytes; nothing is left to numpy."""
    truth = {space: image.copy() for space, image in memory.items()}
    found = {space: image.copy() for space, image in memory.items()}
    commands = in_order(instructions)
    machine.run(commands, truth, kernels, order=range(len(commands)))
    run = segment(commands, found, path)
    assert run.left_out == []
    # twice: what was packed for the first run serves the second
    for _ in range(2):
        for space, image in memory.items():
            found[space][...] = image
        run.run(found)
        for space, image in truth.items():
            np.testing.assert_array_equal(found[space], image)


def test_every_instruction_that_is_known_has_a_sample():
    moving = {name for name, cls in all_instructions().items() if cls not in (Wait, Signal)}
    assert native.layouts().keys() <= KINDS.keys() <= moving


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [name for name in KINDS if name in native.layouts()])
def test_a_random_instruction_leaves_the_same_memory(kind, path):
    @CASES
    @given(seed=st.integers(0, 2**32 - 1))
    @example(seed=0)
    def check(seed):
        arena = Arena(seed, SIZES)
        instruction = KINDS[kind](arena)
        assert list(instruction.problems()) == []
        same([instruction], arena.memory, path)

    check()


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_random_sequence_leaves_the_same_memory(path, seed):
    arena = Arena(seed, SIZES)
    known = [name for name in KINDS if name in native.layouts()]
    same([KINDS[str(arena.random.choice(known))](arena) for _ in range(5)], arena.memory, path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("x", "w", "zp_x", "zp_w"), [(-128, -128, 127, 127), (127, -128, -128, 127), (-128, 127, 0, 0), (127, 127, -128, -128)]
)
def test_extremes_do_not_saturate(path, x, w, zp_x, zp_w):
    """Every product is as large as it can be: sums of pairs leave 16 bits, and a bias lets the accumulator end near its limit."""
    arena = Arena(0, {Space.SRAM: 1 << 20, Space.DRAM: 16})
    channels, columns = 1000, 37
    total = (x - zp_x) * (w - zp_w) * channels * 9
    bias = np.full(columns, (1 << 31) - 1 - total if total > 0 else -(1 << 31) - total)
    packed = pack_scales(bias, np.full(columns, (1 << 31) - 1), np.full(columns, 55))
    conv = Conv2d(
        ifm=arena.put(np.full((1, 3, 3, channels), x, np.int8)), weights=arena.put(np.full((columns, 3, 3, channels), w, np.int8)),
        scales=arena.put(np.frombuffer(packed, np.int8).reshape(1, 1, columns, 10), plain=True), ofm=arena.view((1, 1, 1, columns)),
        zp_x=zp_x, zp_w=zp_w, double_round=1,
    )  # fmt: skip
    same([conv], arena.memory, path)
    a, b = arena.put(np.full((1, 1, 9, channels), x, np.int8)), arena.put(np.full((1, 1, channels, columns), w, np.int8))
    product = Matmul(a=a, b=b, ofm=arena.view((1, 1, 9, columns)), zp_a=zp_x, zp_b=zp_w, multiplier=(1 << 31) - 1, shift=2, zp_out=-128)
    same([product], arena.memory, path)


def weights_from(address, slot=0):
    """A transfer of 3x3 weights and scales for 8 channels from DRAM, a convolution that uses them, and its result to DRAM."""
    dense, size = Operand.dense, programs.WEIGHTS + programs.SCALES
    base = 4096 + slot * 2048
    conv = Conv2d(
        ifm=dense(Space.SRAM, 0, (1, 4, 8, 8)).padded((1, 1, 1, 1), 0), weights=dense(Space.SRAM, base, (8, 3, 3, 8)),
        scales=dense(Space.SRAM, base + programs.WEIGHTS, (1, 1, 8, 10)), ofm=dense(Space.SRAM, 512, (1, 4, 8, 8)),
    )  # fmt: skip
    brought = Dma(src=dense(Space.DRAM, address, (1, 1, 1, size)), dst=dense(Space.SRAM, base, (1, 1, 1, size)))
    return [brought, conv, Dma(src=conv.ofm, dst=dense(Space.DRAM, 20000 + address, (1, 4, 8, 8)))]


@pytest.mark.parametrize("path", PATHS)
def test_weights_kept_from_an_earlier_run_are_those_of_their_address(path):
    """Three layers share one place in SRAM, one of them also runs from another; a weight that a command changes is not kept."""
    random = np.random.default_rng(1)
    memory = {space: random.integers(0, 256, 1 << 16).astype(np.uint8) for space in (Space.SRAM, Space.DRAM)}
    for seed, address in enumerate((0, 1000, 2000)):
        memory[Space.DRAM][address : address + programs.WEIGHTS + programs.SCALES] = np.frombuffer(programs.parameters(seed)[1], np.uint8)
    patch = Dma(dst=Operand.dense(Space.SRAM, 4096 + 5, (1, 1, 1, 1)), fill_value=77)
    brought, conv, out = weights_from(1000)
    instructions = [*weights_from(0), *weights_from(1000), *weights_from(2000), *weights_from(0, slot=1), brought, patch, conv, out]
    commands = in_order(instructions)
    run = segment(commands, memory, path, constant_bytes=3000)
    assert run.keeps_constants
    for turn in range(3):
        # the values change from run to run, the constants stay
        memory[Space.SRAM][:512] = random.integers(0, 256, 512)
        truth = {space: image.copy() for space, image in memory.items()}
        machine.run(commands, truth, kernels, order=range(len(commands)))
        run.run(memory)
        for space in truth:
            np.testing.assert_array_equal(memory[space], truth[space], err_msg=f"run {turn}")


def test_constants_that_a_command_writes_to_are_not_taken_for_constant():
    memory = machine.memories(1 << 16, 1 << 16)
    write = Dma(dst=Operand.dense(Space.DRAM, 10, (1, 1, 1, 1)), fill_value=1)
    assert not segment(in_order([write]), memory, constant_bytes=3000).keeps_constants
    assert segment(in_order([write]), memory, constant_bytes=10).keeps_constants


@dataclass(frozen=True)
class NewerTable(Table):
    """A table instruction of a later version, with a field that this engine has not heard of."""

    bias: int = u8("added to every entry")

    def effect(self, memory, kernels):
        super().effect(memory, kernels)
        view = self.ofm._view(memory[self.ofm.space], self.ofm.base, self.ofm.shape[1])
        view += self.bias


def test_a_field_that_is_not_known_runs_in_numpy_where_it_says_something(caplog):
    arena = Arena(2, SIZES)
    x, entries = arena.put(arena.integers((1, 2, 3, 40))), arena.put(arena.integers((1, 1, 1, 256)), plain=True)
    fields = {"ifm": x, "table": entries, "ofm": arena.view((1, 2, 3, 40), plain=True)}
    plain = Table(**fields)
    commands = in_order([plain, NewerTable(**fields), NewerTable(**fields, bias=3)])
    truth = {space: image.copy() for space, image in arena.memory.items()}
    machine.run(commands, truth, kernels, order=range(3))
    with caplog.at_level(logging.DEBUG, "npuc"):
        run = segment(commands, arena.memory, constant_bytes=100)
    assert run.left_out == [2]
    # it says what it writes: nothing of the constants
    assert run.keeps_constants
    assert "command 2 (table in queue any of layer 'layer2') is executed by numpy" in caplog.text
    run.run(arena.memory)
    np.testing.assert_array_equal(arena.memory[Space.SRAM], truth[Space.SRAM])


DENSE = Operand.dense


@pytest.mark.parametrize(
    ("instruction", "text"),
    [
        (Dma(dst=DENSE(Space.SRAM, 510, (1, 1, 1, 8))), "leaves SRAM"),
        (Dma(src=DENSE(Space.SRAM, 0, (1, 1, 1, 9)), dst=DENSE(Space.SRAM, 64, (1, 1, 1, 8))), "cannot be executed"),
        (Dma(dst=replace(DENSE(Space.SRAM, 0, (1, 2, 1, 8)), strides=(0, 1 << 62, 0, 1))), "SRAM|cannot be executed"),
        (Dma(dst=replace(DENSE(Space.SRAM, 0, (1, 9, 1, 8)), wrap_rows=3)), "more rows than its ring"),
        (Elementwise(kind=ElementwiseKind.COPY, a=DENSE(Space.SRAM, 0, (1, 1, 1, 8)), ofm=DENSE(Space.DRAM, 0, (1, 1, 1, 80))), "layer0"),
        (Dma(dst=replace(DENSE(Space.SRAM, 0, (1, 1, 1, 8)), base=1 << 70)), "cannot be executed|leaves SRAM"),
    ],
)  # fmt: skip
def test_what_cannot_be_executed_gives_the_error_of_the_numpy_engine(instruction, text):
    memory = machine.memories(512, 16)
    run = segment(in_order([instruction]), memory)
    assert run.left_out == [0]
    with pytest.raises((SimulationError, OverflowError), match=text):
        run.run(memory)


def test_a_scale_record_that_no_rescale_has_is_named():
    memory = machine.memories(1 << 16, 1 << 16)
    commands = in_order(weights_from(0))
    with pytest.raises(SimulationError, match="scale record"):
        segment(commands, memory).run(memory)


def test_descriptors_that_are_cut_short_are_refused():
    for broken in ([1], [1, 5, 0], [11, 54 + 1, *([0] * 55)], [1, -1]):
        with pytest.raises(ValueError, match="descriptors"):
            native.Plan(np.array(broken, np.int64), 16, 16, 0)
    plan = native.Plan(np.array([-1, 0], np.int64), 16, 16, 0)
    images = np.zeros(16, np.uint8), np.zeros(15, np.uint8)
    with pytest.raises(ValueError, match="16 and 15 bytes, wanted 16 and 16"):
        plan.run(0, 1, *images)
    with pytest.raises(ValueError, match=r"wanted 0\.\.1"):
        plan.run(0, 2, images[0], images[0])
    with pytest.raises(ValueError, match="this processor runs"):
        plan.run(0, 1, images[0], images[0], "mmx")


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_numbers_as_fields_neither_crash_nor_leave_the_memories(seed):
    """Descriptors of right length and any content: run, or left to the caller."""
    random = np.random.default_rng(seed)
    opcode, operands, scalars, _ = native.layouts()[str(random.choice(list(native.layouts())))]
    small = random.random() < 0.7
    numbers = (
        random.integers(0, 5, len(operands) * OPERAND_NUMBERS + len(scalars))
        if small
        else random.integers(-(2**62), 2**62, len(operands) * OPERAND_NUMBERS + len(scalars))
    )
    if small and random.random() < 0.5:
        numbers[random.integers(len(numbers))] = random.integers(-(2**62), 2**62)
    plan = native.Plan(np.array([opcode, len(numbers), *numbers], np.int64), 4096, 4096, 100)
    images = np.zeros(4096, np.uint8), np.zeros(4096, np.uint8)
    plan.run(0, 1, *images)


def test_a_whole_program_compared_command_by_command():
    loaded, truth = load(programs.program(), "compare"), load(programs.program(), "numpy")
    image = np.random.default_rng(0).standard_normal((3, 4, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(loaded.run(image), truth.run(image))


def test_a_difference_between_the_engines_is_named(monkeypatch):
    arena = Arena(3, SIZES)
    entries = arena.put(arena.integers((1, 1, 1, 256)), plain=True)
    run = segment(in_order([Table(ifm=arena.put(arena.integers((1, 1, 1, 9))), table=entries, ofm=arena.view((1, 1, 1, 9)))]), arena.memory)
    monkeypatch.setattr(Table, "effect", lambda self, memory, kernels: None)
    with pytest.raises(SimulationError, match="command 0 .*layer0.* differs between the engines"):
        run.compare(arena.memory)


def test_runs_share_memories_and_never_values():
    loaded, random = load(programs.program(), "native"), np.random.default_rng(5)
    truth = load(programs.program(), "numpy")
    for _ in range(4):
        image = random.standard_normal((3, 4, 8, 8)).astype(np.float32)
        np.testing.assert_array_equal(loaded.run(image), truth.run(image))
