# SPDX-License-Identifier: Apache-2.0
"""A network computes the same bytes whole, tiled, placed and simulated by either engine, on every machine with any SRAM, without races."""

import re

import pytest
from torch_mlir import ir

from npuc import dialects
from npuc.errors import DoesNotFit
from npuc.isa.program import HostSegment
from npuc.passes.base import target_of
from npuc.passes.pipeline import run_passes
from samples.networks import NAMED, SRAM_KIB, TARGETS, Net, i8, right_or_refused, run_levels, set_target, unsigned


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_level_equals_the_whole(name, target):
    assert right_or_refused(NAMED[name](), target, None)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_less_and_less_sram_is_right_or_refused(name):
    """On one machine: another may refuse what this one takes, by reading parameters off-chip."""
    target = TARGETS[sorted(NAMED).index(name) % len(TARGETS)]
    fits = [right_or_refused(NAMED[name](seed), target, kib) for seed, kib in enumerate(SRAM_KIB)]
    assert fits[0]
    assert fits == sorted(fits, reverse=True), f"fits at {SRAM_KIB}: {fits}"


@pytest.mark.parametrize("target", ["pico-64", "edge-256"])
def test_one_chunk_of_parameters_at_a_time_is_the_last_resort(target):
    """Two of the fully connected layer's chunks of 8 channels, 2 x 16 KiB, do not fit beside its input."""
    assert right_or_refused(NAMED["big_weights"](1), target, 32)


def test_what_a_refusal_asks_for_is_enough():
    """One kibibyte below the need of the most demanding layer is refused, the need itself is not."""
    module = NAMED["residuals"]()
    with pytest.raises(DoesNotFit) as caught:
        run_levels(module, "edge-256", 2)
    needed = int(re.findall(r"\d+", str(caught.value.found))[0])
    assert right_or_refused(NAMED["residuals"](), "edge-256", -(-needed // 1024))


def test_the_helper_sets_the_capacity():
    module = NAMED["conv_chain"]()
    set_target(module, "pico-64", 3)
    assert target_of(module).sram.bytes == 3 * 1024


def test_operands_and_results_of_a_segment_have_types_of_their_own():
    net = Net(i8(1, 4, 4, 8), i8(1, 1, 1, 8))
    scaled = net.mul(*net.inputs)
    levels = run_levels(net.returns(scaled, net.mean(scaled)), "edge-256")
    assert [output.shape for output in levels.outputs] == [(1, 4, 4, 8), (1, 1, 1, 8)]


def test_a_result_that_is_read_again_and_one_that_is_returned_twice():
    net = Net(i8(1, 6, 6, 8))
    x = net.conv(net.inputs[0], 8)
    y = net.conv(x, 8)
    levels = run_levels(net.returns(y, x, y), "edge-256")
    assert len(levels.outputs) == 3


@pytest.mark.parametrize("sram_kib", [None, 4])
def test_bytes_without_a_sign_come_and_go_on_machines_that_know_them(sram_kib):
    found = run_levels(unsigned(), "u65-512-dram", sram_kib)
    assert {value.dtype.name for value in (*found.inputs, *found.outputs)} == {"uint8"}
    assert not [segment for segment in found.program.segments if isinstance(segment, HostSegment)]


@pytest.mark.parametrize("sram_kib", [None, 4])
def test_a_convolution_reads_bytes_without_a_sign_itself(sram_kib):
    module = unsigned()
    set_target(module, "u65-512-dram", sram_kib)
    run_passes(module, ["npu-fuse-signs"])
    assert str(module).count('"npu.conv2d"(%arg0') == 1
    found = run_levels(module, "u65-512-dram", sram_kib)
    assert not [segment for segment in found.program.segments if isinstance(segment, HostSegment)]
    assert [layer.op for layer in found.program.layers] == ["conv2d", "conv2d", "rescale"]


def test_other_machines_leave_bytes_without_a_sign_to_the_host():
    found = run_levels(unsigned(), "edge-256")
    calls = [call.op for segment in found.program.segments if isinstance(segment, HostSegment) for call in segment.calls]
    assert calls == ["rescale", "rescale"]
