# SPDX-License-Identifier: Apache-2.0
"""The closed forms of a MAC instruction's cost equal a walk over its blocks with buffers that remember."""

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from npuc import native, targets
from npuc.errors import DoesNotFit
from npuc.isa.base import Operand, Space
from npuc.isa.blocks import LoopOrder, block_refusals, choose_block, choose_block_in_python, mac_cost
from npuc.isa.conv2d import Conv2d
from npuc.isa.depthwise_conv2d import DepthwiseConv2d
from npuc.isa.matmul import Matmul

MACHINES = [targets.get(name) for name in targets.names()]


def conv(height, width, channels, out_channels, kernel, stride, groups=1, batch=1):
    """A convolution with "same" padding."""
    pad = kernel // 2
    out_h, out_w = (height + 2 * pad - kernel) // stride + 1, (width + 2 * pad - kernel) // stride + 1
    dense = Operand.dense
    return Conv2d(
        ifm=dense(Space.SRAM, 0, (batch, height, width, channels)).padded((pad,) * 4, 0),
        weights=dense(Space.SRAM, 0, (out_channels, kernel, kernel, channels // groups)),
        scales=dense(Space.SRAM, 0, (1, 1, out_channels, 10)), ofm=dense(Space.SRAM, 0, (batch, out_h, out_w, out_channels)),
        stride_h=stride, stride_w=stride, groups=groups,
    )  # fmt: skip


def depthwise(height, width, channels, kernel, stride):
    pad = kernel // 2
    out_h, out_w = (height + 2 * pad - kernel) // stride + 1, (width + 2 * pad - kernel) // stride + 1
    dense = Operand.dense
    return DepthwiseConv2d(
        ifm=dense(Space.SRAM, 0, (1, height, width, channels)).padded((pad,) * 4, 0), weights=dense(Space.SRAM, 0, (1, kernel, kernel, channels)),
        scales=dense(Space.SRAM, 0, (1, 1, channels, 10)), ofm=dense(Space.SRAM, 0, (1, out_h, out_w, channels)), stride_h=stride, stride_w=stride,
    )  # fmt: skip


def starts(extent, step):
    return [(start, min(start + step, extent)) for start in range(0, extent, step)]


def walked(work, block, order, target):
    """Input and weight bytes, unrounded, by a walk over all blocks; each buffer holds what it holds until something else comes."""
    spatial = [
        (image, rows, columns)
        for image in range(work.images)
        for rows in starts(work.out[0], block[0])
        for columns in starts(work.out[1], block[1])
    ]
    depths = starts(work.out[2], block[2])
    pairs = (
        itertools.product(depths, spatial)
        if order is LoopOrder.CHANNELS_OUTER
        else ((depth, place) for place in spatial for depth in depths)
    )

    def clipped(bounds, axis):
        low = bounds[0] * work.strides[axis] - work.pads[axis]
        high = (bounds[1] - 1) * work.strides[axis] + work.reach[axis] - work.pads[axis]
        return max(0, min(high, work.image[axis]) - max(low, 0))

    input_bytes = weight_bytes = 0
    held_input, held_weights = [], []
    for depth, place in pairs:
        size = clipped(place[1], 0) * clipped(place[2], 1) * work.in_channels
        # a buffer keeps blocks only as long as all of them fit for the whole instruction, or the latest one
        if place not in held_input:
            input_bytes += size
            whole = (
                work.image[0] * work.image[1] * work.in_channels * work.images <= target.buffers.input_bytes
                and order is LoopOrder.CHANNELS_OUTER
            )
            held_input = [*held_input, place] if whole else [place]
            if not whole and work.block_input(block) > target.buffers.input_bytes:
                held_input = []
        if depth not in held_weights:
            taps = work.kernel[0] * work.kernel[1] * work.in_channels
            weight_bytes += (depth[1] - depth[0]) * taps
            whole = work.out[2] * taps <= target.buffers.weight_bytes
            held_weights = [*held_weights, depth] if whole else [depth]
            if not whole and min(block[2], work.out[2]) * taps > target.buffers.weight_bytes:
                held_weights = []
    return input_bytes, weight_bytes


@settings(max_examples=150)
@given(
    height=st.integers(1, 24), width=st.integers(1, 24), channels=st.integers(1, 40), out_channels=st.integers(1, 60),
    kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 2), batch=st.integers(1, 2), order=st.sampled_from(LoopOrder),
    block=st.tuples(st.sampled_from([1, 2, 4, 8]), st.sampled_from([2, 4, 8, 16]), st.sampled_from([8, 16, 32])),
)  # fmt: skip
def test_traffic_equals_a_walk_over_the_blocks(height, width, channels, out_channels, kernel, stride, batch, order, block):
    # a port of single bytes charges no bursts
    target = targets.get("pico-64")
    target = replace(target, sram=replace(target.sram, burst_bytes=1))
    assume(block[0] * block[1] * block[2] * 4 <= target.buffers.accumulator_bytes)
    instruction = conv(height, width, channels, out_channels, kernel, stride, batch=batch)
    work = instruction.work(target)
    input_bytes, weight_bytes = walked(work, block, order, target)
    cost = mac_cost(work, block, order, target)
    # one spatial block (or one channel block) stands still by itself: the closed form may only be above what a lucky walk keeps
    expected = input_bytes + weight_bytes + instruction.ofm.elements + out_channels * 10
    assert dict(cost.traffic)[Space.SRAM] >= expected
    if work.images * len(starts(work.out[0], block[0])) * len(starts(work.out[1], block[1])) > 1 and out_channels > block[2]:
        assert dict(cost.traffic)[Space.SRAM] == expected


@pytest.mark.parametrize("target", MACHINES, ids=lambda target: target.name)
@pytest.mark.parametrize(
    "instruction",
    [
        conv(14, 14, 24, 40, 3, 1),
        conv(28, 28, 3, 32, 3, 2),
        conv(1, 1, 256, 100, 1, 1),
        conv(7, 7, 160, 320, 1, 1),
        depthwise(28, 28, 48, 3, 1),
    ],
    ids=lambda instruction: f"{instruction.mnemonic}-{'x'.join(map(str, instruction.ofm.shape))}",
)
def test_the_chosen_block_is_within_a_twentieth_of_the_best_of_all(instruction, target):
    work = instruction.work(target)
    granule = target.array.granule
    every = [range(step, -(-extent // step) * step + 1, step) for extent, step in zip(work.out, granule, strict=True)]
    blocks = [(block, order) for block in itertools.product(*every) for order in LoopOrder if not list(block_refusals(work, block, order, target))]
    best = min(mac_cost(work, block, order, target).cycles(target) for block, order in blocks)
    found = instruction.blocked(target)
    latency = found.latency(target)
    assert best + latency <= found.cycles(target) <= 1.05 * best + latency


def moved(view, space):
    """The same view in another memory, with a gap behind each pixel."""
    n, height, width, channels = view.shape
    pitch = channels + 3
    return replace(view, space=space, strides=(height * width * pitch, width * pitch, pitch, 1))


@pytest.mark.skipif(native.module() is None, reason="npuc._native is not built (no C++ compiler at installation)")
@settings(max_examples=400)
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)), channels=st.integers(1, 700), out_channels=st.integers(1, 700),
    kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 3), kind=st.sampled_from(["conv", "grouped", "batch", "depthwise", "matmul"]),
    spaces=st.tuples(*[st.sampled_from([Space.SRAM, Space.DRAM])] * 3), name=st.sampled_from(["pico-64", "edge-256", "edge-2048"]),
)  # fmt: skip
def test_the_native_choice_of_a_block_is_the_one_of_this_package(size, channels, out_channels, kernel, stride, kind, spaces, name):
    target = targets.get(name)
    if kind == "depthwise":
        instruction = depthwise(*size, channels, kernel, stride)
    elif kind == "matmul":
        dense = Operand.dense
        instruction = Matmul(
            a=dense(Space.SRAM, 0, (1, 2, size[0], channels)), b=dense(spaces[2], 0, (1, 2, channels, out_channels)),
            ofm=dense(Space.SRAM, 0, (1, 2, size[0], out_channels)),
        )  # fmt: skip
    else:
        groups = 2 if kind == "grouped" else 1
        instruction = conv(*size, channels * groups, out_channels * groups, kernel, stride, groups, batch=2 if kind == "batch" else 1)
    if kind != "matmul":
        instruction = replace(
            instruction, ifm=moved(instruction.ifm, spaces[0]), ofm=moved(instruction.ofm, spaces[1]),
            weights=replace(instruction.weights, space=spaces[2]),
        )  # fmt: skip
    work = instruction.work(target)
    assert choose_block(work, target) == choose_block_in_python(work, target)


@pytest.mark.parametrize("target", MACHINES, ids=lambda target: target.name)
def test_no_instruction_is_faster_than_the_array(target):
    for instruction in (conv(16, 16, 32, 32, 3, 1), conv(9, 7, 24, 48, 1, 1), conv(8, 8, 32, 32, 3, 1, groups=4)):
        macs = instruction.ofm.elements * instruction.weights.elements // instruction.weights.shape[0]
        assert instruction.blocked(target).busy_cycles(target) * target.array.macs_per_cycle >= macs


def test_a_full_array_does_a_full_array_of_work():
    """16x16x16 outputs of 3x3x8 on 256 MAC a cycle: 2 304 cycles and no waste."""
    instruction = conv(16, 16, 8, 16, 3, 1).blocked(targets.get("edge-256"))
    assert instruction.busy_cycles(targets.get("edge-256")) == 16 * 16 * 16 * 9 * 8 // 256


def test_a_parity_machine_charges_what_the_published_estimator_does():
    """Worked in the reference: a 16x16x16 block of a 3x3 convolution over 64 channels is 9 216 cycles on one 256-MAC core."""
    array = targets.get("u65-512-dram").array
    assert array.conv2d_cycles((16, 16, 16), (16, 16, 16), 64, (3, 3)) == 9216 // 2
    assert array.depthwise_cycles((16, 16, 16), (16, 16, 16), (3, 3)) == 1536 // 2


def test_matmul_folds_its_rows_over_the_array():
    """64 rows are 16 steps of 2x2 pixels, whatever their order: no row of the array idles."""
    target = targets.get("edge-256")
    dense = Operand.dense
    product = Matmul(
        a=dense(Space.SRAM, 0, (1, 1, 64, 64)), b=dense(Space.SRAM, 0, (1, 1, 64, 64)), ofm=dense(Space.SRAM, 0, (1, 1, 64, 64))
    )
    assert product.blocked(target).busy_cycles(target) == 64 * 64 * 64 // 256


def test_a_block_beyond_the_accumulators_names_both_sizes():
    instruction = replace(conv(16, 16, 8, 16, 3, 1), block_h=32, block_w=32, block_c=16)
    with pytest.raises(DoesNotFit, match=re.escape("65536 bytes")) as failure:
        instruction.cycles(targets.get("edge-256"))
    assert "16384" in str(failure.value)


def test_choosing_is_repeatable_and_remembers():
    instruction = conv(20, 20, 16, 24, 3, 1)
    assert instruction.blocked(MACHINES[0]) == instruction.blocked(MACHINES[0])


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("pico-64", (112_900, 451_588, 451_588, 63_508)),
        ("edge-256", (28_230, 112_902, 112_902, 20_484)),
        ("edge-2048", (4_712, 14_120, 14_120, 4_819)),
    ],
)
def test_costs_of_our_own_machines_stay_what_they_were(name, wanted):
    """A pointwise, a 3x3, a first and a depthwise layer; a change of these figures needs a decision record."""
    layers = conv(56, 56, 24, 96, 1, 1), conv(28, 28, 64, 64, 3, 1), conv(224, 224, 3, 32, 3, 2), depthwise(56, 56, 144, 3, 2)
    target = targets.get(name)
    assert tuple(layer.blocked(target).cycles(target) for layer in layers) == wanted
