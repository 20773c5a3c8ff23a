# SPDX-License-Identifier: Apache-2.0
"""The ledger of cycles: every cycle counted once, whatever the program; causes where they are known from how a program was made."""

import json
from dataclasses import replace

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects, targets
from npuc.compiler import encode
from npuc.errors import DoesNotFit
from npuc.isa.base import Command, DType, Operand, Space
from npuc.isa.conv2d import Conv2d
from npuc.isa.depthwise_conv2d import DepthwiseConv2d
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.program import Layer, NpuSegment, Program
from npuc.isa.sync import Signal, Wait
from npuc.passes.pipeline import run_passes
from npuc.report.ledger import CAUSES, USEFUL, Ledger, ledger
from npuc.report.profile import Profile, profile
from npuc.report.table import ledger_bar
from npuc.timing.engine import simulate
from samples.networks import LOWERING, NAMED, random_network

TARGET = targets.get("edge-256")
PARITY = targets.get("u55-256")
CONSTANT_BYTES = 4096
DENSE = Operand.dense


def book(commands, target=TARGET, layers=()) -> Ledger:
    """The ledger of `commands`, held against the clock."""
    program = Program(target, (), (), (), (NpuSegment(tuple(commands)),), bytes(CONSTANT_BYTES), 1 << 20, 1 << 18, tuple(layers))
    line = simulate(program.segments[0].commands, target)
    found = ledger(program, [(program.segments[0], line)])
    assert_whole(found, line.total_cycles)
    return found


def assert_whole(found: Ledger, cycles: int) -> None:
    """Nothing is counted twice, left out or negative; layers add up to the whole."""
    peak = found.slots_per_cycle
    assert found.cycles == cycles
    assert set(found.slots) == {USEFUL, *CAUSES}
    assert sum(found.slots.values()) == cycles * peak
    assert sum(found.lost_cycles.values()) == cycles - found.useful_cycles
    assert min(min(slots.values()) for slots in found.layers.values()) >= 0 if cycles else not found.layers
    for cause, slots in found.slots.items():
        assert sum(layer[cause] for layer in found.layers.values()) == slots


def lost(found: Ledger) -> dict[str, float]:
    """Cause -> cycles, where there are any."""
    return {cause: float(cycles) for cause, cycles in found.lost_cycles.items() if cycles}


def conv(height=8, width=8, inputs=8, outputs=16, kernel=1, target=TARGET):
    """A convolution on SRAM, without padding."""
    return Conv2d(
        ifm=DENSE(Space.SRAM, 0, (1, height + kernel - 1, width + kernel - 1, inputs)), weights=DENSE(Space.SRAM, 65536, (outputs, kernel, kernel, inputs)),
        scales=DENSE(Space.SRAM, 131072, (1, 1, outputs, 10)), ofm=DENSE(Space.SRAM, 32768, (1, height, width, outputs)),
    ).blocked(target)  # fmt: skip


def moved(size, at=CONSTANT_BYTES, to=0):
    return Dma(src=DENSE(Space.DRAM, at, (1, 1, 1, size)), dst=DENSE(Space.SRAM, to, (1, 1, 1, size)))


def left(size):
    return Dma(src=DENSE(Space.SRAM, 32768, (1, 1, 1, size)), dst=DENSE(Space.DRAM, CONSTANT_BYTES, (1, 1, 1, size)))


def copied(size):
    return Elementwise(kind=ElementwiseKind.COPY, a=DENSE(Space.SRAM, 0, (1, 1, 1, size)), ofm=DENSE(Space.SRAM, size, (1, 1, 1, size)))


# causes --------------------------------------------------------------------------------------------


def test_a_convolution_without_edges_loses_its_latency_alone():
    """16 x 16 pixels by 64 channels each way: 4096 cycles of 256 products, 6 of latency before them."""
    found = book([Command(conv(16, 16, 64, 64), "mac", "conv")])
    assert (found.useful_cycles, lost(found)) == (4096, {"fill": 6})
    assert found.layers["conv"][USEFUL] == 16 * 16 * 64 * 64


def test_edges_lose_what_whole_steps_exceed():
    """7 x 7 pixels in steps of 2 x 2 and 12 channels in steps of 8: 4 * 4 * 2 * 8 steps of which 7/8 * 7/8 * 3/4 are full."""
    found = book([Command(conv(7, 7, 64, 12), "mac", "conv")])
    assert found.useful_cycles == 7 * 7 * 12 * 64 / 256
    assert lost(found)["edges"] == 256 - 7 * 7 * 12 * 64 / 256


def test_a_depthwise_convolution_loses_three_of_four_products_to_its_rate():
    """edge-256 does 64 depthwise products a cycle; 16 x 16 pixels and 16 channels leave no edge."""
    one = DepthwiseConv2d(
        ifm=DENSE(Space.SRAM, 0, (1, 18, 18, 16)), weights=DENSE(Space.SRAM, 65536, (1, 3, 3, 16)), scales=DENSE(Space.SRAM, 131072, (1, 1, 16, 10)),
        ofm=DENSE(Space.SRAM, 32768, (1, 16, 16, 16)),
    ).blocked(TARGET)  # fmt: skip
    found = book([Command(one, "mac", "depthwise")])
    assert found.useful_cycles == 144
    assert lost(found) == {"depthwise": 3 * 144, "fill": 6}


def test_activations_of_16_bits_pass_the_array_in_two_halves():
    one = Conv2d(
        ifm=DENSE(Space.SRAM, 0, (1, 16, 16, 64), DType.I16), weights=DENSE(Space.SRAM, 65536, (64, 1, 1, 64)),
        scales=DENSE(Space.SRAM, 131072, (1, 1, 64, 10)), ofm=DENSE(Space.SRAM, 32768, (1, 16, 16, 64), DType.I16), lo=-32768, hi=32767,
    ).blocked(TARGET)  # fmt: skip
    found = book([Command(one, "mac", "conv")])
    assert (found.useful_cycles, lost(found)) == (4096, {"wide": 4096, "fill": 6})


def test_the_output_path_loses_what_it_takes_beyond_the_array():
    """One input channel in steps of 8: the array needs 128 cycles, the output path 16 of 16 * 16 * 16 results each."""
    found = book([Command(conv(16, 16, 8, 16), "mac", "conv")])
    assert found.useful_cycles == 128
    assert lost(found) == {"output": 4096 / 16 - 128, "fill": 6}


def test_weights_that_nobody_waits_for_twice_are_a_weight_load():
    """The core waits for 4096 bytes at 8 a cycle, 100 cycles after they were asked for."""
    commands = [
        Command(moved(4096, at=0, to=65536), "dma0", "conv"), Command(Signal(semaphore=2), "dma0", "conv"),
        Command(Wait(semaphore=2, value=1), "mac", "conv"), Command(conv(16, 16, 64, 64), "mac", "conv"),
    ]  # fmt: skip
    assert lost(book(commands)) == {"weights": 612, "fill": 6}


def test_feature_maps_that_come_and_go_are_waited_for():
    commands = [
        Command(moved(8192), "dma0", "conv"), Command(Signal(semaphore=2), "dma0", "conv"),
        Command(Wait(semaphore=2, value=1), "mac", "conv"), Command(conv(16, 16, 64, 64), "mac", "conv"),
        Command(Signal(semaphore=0), "mac", "conv"), Command(Wait(semaphore=0, value=1), "dma1", "conv"), Command(left(8000), "dma1", "conv"),
    ]  # fmt: skip
    assert lost(book(commands)) == {"dma": 100 + 1024 + 50 + 1000, "fill": 6}


def test_standing_in_line_is_a_question_of_order():
    """What the core needs comes after 8000 bytes that it does not need yet."""
    commands = [
        Command(moved(8000, to=16384), "dma0", "later"), Command(moved(8192), "dma0", "conv"), Command(Signal(semaphore=2), "dma0", "conv"),
        Command(Wait(semaphore=2, value=1), "mac", "conv"), Command(conv(16, 16, 64, 64), "mac", "conv"),
    ]  # fmt: skip
    found = book(commands)
    assert lost(found) == {"synchronization": 1100, "dma": 1124, "fill": 6}
    assert set(found.layers) == {"conv"}


def test_what_the_awaited_waits_for_counts_in_its_place():
    """The convolution waits for a copy of the vector unit, and that for a transfer."""
    commands = [
        Command(moved(8192), "dma0", "in"), Command(Signal(semaphore=2), "dma0", "in"),
        Command(Wait(semaphore=2, value=1), "vector", "copy"), Command(copied(8192), "vector", "copy"), Command(Signal(semaphore=1), "vector", "copy"),
        Command(Wait(semaphore=1, value=1), "mac", "conv"), Command(conv(16, 16, 64, 64), "mac", "conv"),
    ]  # fmt: skip
    found = book(commands)
    assert lost(found) == {"dma": 1124, "vector": 6 + 8192 / 16, "fill": 6}
    # the convolution is the next one, whoever it waits for
    assert set(found.layers) == {"copy", "conv"}
    assert found.layers["conv"]["dma"] == 1124 * 256


def test_vector_work_beside_the_array_costs_what_it_takes_of_the_port():
    """The copy wants the whole port for 256 cycles, the convolution 1172 / 4096 of it: together they go at 1 / 1.286 of their speed."""
    beside = lost(book([Command(conv(16, 16, 64, 64), "mac", "conv"), Command(copied(4096), "vector", "copy")]))
    assert beside.keys() == {"fill", "shared_ports"}
    assert beside["shared_ports"] == pytest.approx(256 * 1172 / 4096, abs=2)


def test_transfers_that_take_the_port_from_the_array_are_named():
    """A convolution whose port is the limit, and a transfer that takes its share of it."""
    starved = conv(1, 1, 64, 256)
    alone = lost(book([Command(starved, "mac", "conv")]))
    assert alone["sram_port"] > 0
    shared = lost(book([Command(starved, "mac", "conv"), Command(moved(65536, to=0), "dma0", "in")]))
    assert shared["shared_ports"] > 0
    assert shared["sram_port"] == alone["sram_port"]


def test_products_beyond_the_layers_own_are_work_again():
    """The same rows twice: half of it is of no use."""
    once = conv(16, 16, 64, 64)
    macs = 16 * 16 * 64 * 64
    found = book([Command(once, "mac", "conv")] * 2, layers=(Layer("conv", "conv2d", macs, 4096),))
    assert (found.useful_cycles, lost(found)) == (4096, {"again": 4096, "fill": 12})


def test_on_one_core_vector_work_is_the_cores_and_blocks_fill_and_drain():
    target = PARITY
    found = book([Command(conv(16, 16, 64, 64, target=target), "core", "conv"), Command(copied(4096), "core", "copy")], target)
    assert found.useful_cycles == 4096
    assert lost(found)["fill"] > 32
    assert found.layers["copy"]["vector"] > 0
    # 68,096 bytes at 8 a cycle
    assert lost(found).keys() == {"fill", "vector", "sram_port"}


def test_a_program_of_nothing_has_an_empty_ledger():
    assert sum(book([]).slots.values()) == 0


# every program -------------------------------------------------------------------------------------


@pytest.fixture
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def lowered(module: ir.Module, name: str, sram_kib: int | None) -> Program | None:
    """The program of a module, None where it does not fit."""
    size = f" sram-kib={sram_kib}" if sram_kib else ""
    try:
        run_passes(module, [f"npu-set-target{{name={name}{size}}}", *LOWERING])
    except DoesNotFit:
        return None
    return encode(module, targets.get(name, sram_kib))


@pytest.fixture(scope="module", params=["pico-64", "edge-2048", "u55-256", "u65-512-dram"])
def programs(request) -> dict[str, Program]:
    """Network -> program for one machine; numbers are seeds."""
    found = {}
    with dialects.new_context(), ir.Location.unknown():
        made = {**{key: make(0) for key, make in NAMED.items()}, **{str(seed): random_network(seed) for seed in range(4)}}
        for number, (key, module) in enumerate(made.items()):
            program = lowered(module, request.param, (None, 32, 16)[number % 3])
            if program is not None:
                found[key] = program
    assert len(found) >= 5
    return found


@pytest.fixture(scope="module")
def profiles(programs) -> dict[str, Profile]:
    """Network -> profile."""
    return {key: profile(program) for key, program in programs.items()}


@pytest.fixture(scope="module")
def spared(programs) -> dict[str, int]:
    """Network -> see `spared_products`."""
    return {key: spared_products(program) for key, program in programs.items()}


def spared_products(program: Program) -> int:
    """Products with padding that nobody makes where columns are channels: a border's command reads fewer columns than its layer's others."""
    convolutions = [
        (command.location, command.instruction)
        for segment in program.segments
        if isinstance(segment, NpuSegment)
        for command in segment.commands
        if isinstance(command.instruction, Conv2d)
    ]
    taps: dict[str, int] = {}
    for layer, one in convolutions:
        taps[layer] = max(taps.get(layer, 0), one.weight_shape[2] * one.weight_shape[3])
    return sum(one.ofm.elements * one.weight_shape[1] * (taps[layer] - one.weight_shape[2] * one.weight_shape[3]) for layer, one in convolutions)


def test_every_cycle_of_every_network_is_counted_once(profiles, spared):
    for key, found in profiles.items():
        assert_whole(found.ledger, found.cycles)
        # the network's own products, each once, are what is useful; rows that a slice throws away are never made
        assert found.ledger.slots[USEFUL] <= found.npu_macs
        assert found.ledger.slots[USEFUL] == found.npu_macs - spared[key] or key == "layout" or key.isdigit()


def test_the_planner_expects_what_the_simulator_finds(profiles):
    for found in profiles.values():
        assert abs(found.estimate_cycles - found.cycles) <= 0.05 * found.cycles
        # layer by layer too: what one has more and another less does not cancel
        assert sum(abs(layer.estimate_cycles - layer.busy_cycles) for layer in found.layers) <= 0.05 * found.cycles


def test_layers_answer_for_all_that_must_be_moved(profiles):
    for found in profiles.values():
        assert sum(layer.compulsory_bytes for layer in found.layers) == found.compulsory_bytes
        assert sum(layer.array_bound_cycles for layer in found.layers) == found.array_bound_cycles


# what is printed -----------------------------------------------------------------------------------


def test_the_profile_prints_the_causes_and_json_keeps_the_slots(context):
    found = profile(lowered(NAMED["inverted_residuals"](0), "edge-256", None))
    text = found.table(width=100)
    assert "where the cycles went" in text and "depthwise rate" in text
    assert max(map(len, text.splitlines())) <= 100
    stored = json.loads(json.dumps(found.to_dict()))["ledger"]
    assert sum(stored["slots"].values()) == found.cycles * stored["slots_per_cycle"]
    assert stored["useful_cycles"] + sum(stored["lost_cycles"].values()) == pytest.approx(found.cycles, abs=0.01)
    without = replace(found, ledger=None)
    assert "where the cycles went" not in without.table() and without.to_dict()["ledger"] is None


@pytest.mark.parametrize("seed", range(20))
def test_a_bar_is_as_wide_as_it_should_be_and_fair(seed):
    random = np.random.default_rng(seed)
    slots = {cause: int(random.integers(0, 1000)) for cause in (USEFUL, *CAUSES)}
    bar = ledger_bar(slots, 77)
    assert sum(columns for _, columns in bar) == 77
    for cause, columns in bar:
        assert abs(columns - slots[cause] * 77 / sum(slots.values())) < 1
