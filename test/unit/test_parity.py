# SPDX-License-Identifier: Apache-2.0
"""The calibration of the parity presets: no layer of the 13 networks costs less here than Vela reports for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from npuc import targets
from npuc.isa import reduce, softmax
from npuc.isa.base import DType, Operand, Space
from npuc.isa.blocks import LoopOrder
from npuc.isa.conv2d import Conv2d
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.report import calibration, vela

TABLE = Path(__file__).resolve().parents[2] / "bench" / "vela_layers.csv"
LAYERS = vela.read_csv(TABLE.read_text())
PRESETS = ("u55-128", "u55-256", "u65-512-flash", "u65-512-dram")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_layer_costs_at_least_what_vela_reports(preset):
    """By kind of op: least ratio 1.00. Without it no ratio to Vela may be claimed."""
    found, unknown = calibration.charges([layer for layer in LAYERS if layer.preset == preset])
    assert not unknown
    assert len(found) > 300
    for row in calibration.rows(found):
        assert row.least >= 1.0, row
    assert calibration.holds(found)


@pytest.mark.parametrize("preset", PRESETS)
def test_layers_that_the_core_computes_from_sram_are_charged_what_vela_reports_and_hardly_more(preset):
    """Convolutions between bricks in SRAM whose scales are no traffic worth speaking of: the rules are the estimator's own."""
    alike = [
        charge.ratio
        for charge in calibration.charges([layer for layer in LAYERS if layer.preset == preset and layer.op == "AvgPool"])[0]
        if charge.layer.ifm_on_chip and charge.layer.ofm_on_chip
    ]
    assert alike
    assert max(alike) < 1.01


def test_a_table_of_layers_comes_back_as_written():
    assert vela.read_csv("# from somewhere\n" + vela.write_csv(LAYERS)) == LAYERS


def test_a_layer_that_is_charged_less_breaks_the_calibration():
    found, _ = calibration.charges([replace(LAYERS[0], cycles=1), replace(LAYERS[0], cycles=10**9)])
    assert not calibration.holds(found)
    assert calibration.holds(found[:1])
    assert not calibration.holds([])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("classes", [2, 10, 12, 1000, 1001])
def test_our_softmax_costs_at_least_velas_sequence(preset, classes):
    """The same steps over the channels, counted one by one in Vela's table; a constant that Vela reads off-chip may be on chip."""
    steps = [layer for layer in LAYERS if layer.preset == preset and layer.source == "Softmax"]
    models = {layer.model for layer in steps if layer.ofm[2] == classes}
    if not models:
        pytest.skip("equal ops are listed once, under another network")
    target = targets.get(preset)

    def wide(width, inputs):
        views = [Operand.dense(Space.SRAM, 0, (1, 1, 1, width), DType.I32)] * (inputs + 1)
        return Elementwise(kind=ElementwiseKind.MUL, a=views[0], b=views[0], ofm=views[-1]).cycles(target) - target.sram.read_latency

    dense = Operand.dense
    x, exps = dense(Space.SRAM, 0, (1, 1, 1, classes)), dense(Space.SRAM, 0, (1, 1, 1, classes), DType.I32)
    one, total = dense(Space.SRAM, 0, (1, 1, 1, 1)), dense(Space.SRAM, 0, (1, 1, 1, 1), DType.I32)
    table = dense(Space.SRAM, 0, (1, 1, 1, 256), DType.I32)
    ours = [
        reduce.Reduce(kind=reduce.ReduceKind.MAX, ifm=x, ofm=one, reduce_c=1),
        softmax.SoftmaxExp(ifm=x, row_max=one, table=table, ofm=exps),
        reduce.Reduce(kind=reduce.ReduceKind.SUM, ifm=exps, ofm=total, reduce_c=1, raw=1, pre_shift=12),
        softmax.SoftmaxNorm(exps=exps, row_sum=total, ofm=x),
    ]
    rows = [layer for layer in steps if classes in (layer.ofm[2], layer.ifm[1]) and layer.model in models]
    # a step of the sequence that differs between networks, by the format of its output, has a row for each: the dearest counts
    whole = {(layer.op, layer.ofm_bits): layer for layer in sorted(rows, key=lambda layer: layer.cycles)}.values()
    reads = [min(layer.cycles, 2 * wide(classes, 2)) if layer.op in ("Add", "Asr") else layer.cycles for layer in whole]
    assert sum(one.cycles(target) for one in ours) >= sum(reads)


def test_the_order_of_a_convolution_is_a_field_that_costs():
    """24 input channels, 3x3: depth-first 9 steps a pass, in parts of the kernel 12."""
    target = targets.get("u55-256")
    dense = Operand.dense
    layer = Conv2d(
        ifm=dense(Space.SRAM, 0, (1, 16, 16, 24)).padded((1, 1, 1, 1), 0), weights=dense(Space.SRAM, 0, (16, 3, 3, 24)),
        scales=dense(Space.SRAM, 0, (1, 1, 16, 10)), ofm=dense(Space.SRAM, 0, (1, 16, 16, 16)), block_h=8, block_w=16, block_c=16,
    )  # fmt: skip
    depth_first, part_kernel = (replace(layer, loop_order=order).busy_cycles(target) for order in LoopOrder)
    assert depth_first < part_kernel
    assert layer.blocked(target).loop_order is LoopOrder.CHANNELS_OUTER


def test_presets_have_the_published_parameters():
    """clock, MAC/cycle, SRAM bytes/cycle, off-chip bytes/cycle and latencies, DMA queues, SRAM KiB, writable off-chip memory."""
    wanted = {
        "u55-128": (500, 128, 8, 1.0, (64, 0), 1, 2048, False),
        "u55-256": (500, 256, 8, 1.0, (64, 0), 1, 2048, False),
        "u65-512-flash": (500, 512, 16, 1.0, (64, 0), 2, 2048, False),
        "u65-512-dram": (1000, 512, 16, 3.75, (500, 250), 2, 384, True),
    }
    for name, figures in wanted.items():
        one = targets.get(name)
        dram = one.dram
        found = (
            one.clock_hz // 1_000_000, one.array.macs_per_cycle, one.sram.bytes_per_cycle, float(dram.bytes_per_cycle),
            (dram.read_latency, dram.write_latency), len(one.queues["dma"]), one.sram.bytes // 1024, dram.writable,
        )  # fmt: skip
        assert found == figures, name
        assert (one.sram.read_latency, one.sram.burst_bytes, dram.burst_bytes) == (32, 32, 128)
        assert one.array.decoded_weights == 8
