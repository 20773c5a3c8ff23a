# SPDX-License-Identifier: Apache-2.0
"""Operands as views of buffers, and the queues that commands go to."""

from npuc import targets
from npuc.isa.base import Command, Operand, Space
from npuc.isa.dma import Dma
from npuc.plan.commands import Location, copy_command, dma_queue, view
from samples.networks import i8

EDGE = targets.get("edge-256")


def test_traffic_goes_to_the_queues_that_there_are():
    assert {dma_queue(kind, targets.get("pico-64")) for kind in ("load", "params", "store")} == {"dma0"}
    assert [dma_queue(kind, EDGE) for kind in ("load", "params", "store")] == ["dma0", "dma0", "dma1"]
    assert [dma_queue(kind, targets.get("edge-2048")) for kind in ("load", "params", "store")] == ["dma0", "dma1", "dma2"]


def test_a_view_of_a_ring_starts_at_its_slot():
    """Rows 5, 6 of a ring of 4 rows of 3 pixels of 2 channels: slots 1 and 2."""
    found = view(i8(1, 8, 3, 2), Location(Space.SRAM, 100, 4), ((0, 1), (5, 2), (1, 2), (1, 1)))
    assert (found.base, found.shape, found.strides, found.wrap_rows, found.first_row) == (100 + 2 + 1, (1, 2, 2, 1), (24, 6, 2, 1), 4, 1)


def test_a_view_of_what_lies_whole_starts_at_its_bytes():
    found = view(i8(1, 8, 3, 2), Location(Space.DRAM, 100), ((0, 1), (5, 2), (1, 2), (1, 1)))
    assert (found.base, found.shape, found.strides, found.wrap_rows, found.first_row) == (
        100 + 30 + 2 + 1,
        (1, 2, 2, 1),
        (48, 6, 2, 1),
        0,
        0,
    )


def test_a_copy_names_queue_and_layer():
    outer, inner = Operand.dense(Space.DRAM, 0, (1, 1, 1, 8)), Operand.dense(Space.SRAM, 0, (1, 1, 1, 8))
    assert copy_command(inner, outer, "store", EDGE, "layer1") == Command(Dma(src=inner, dst=outer), "dma1", "layer1")
