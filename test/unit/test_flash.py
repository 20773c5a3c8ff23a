# SPDX-License-Identifier: Apache-2.0
"""Where off-chip memory cannot be written, all feature maps lie in SRAM, the host's too; what does not fit is refused with the bytes short."""

import pytest
from torch_mlir import ir

from npuc import dialects
from npuc.compiler import lower
from npuc.errors import DoesNotFit
from npuc.isa.base import Space
from npuc.isa.program import NpuSegment
from npuc.targets import get
from samples.networks import NAMED, Net, i8, random_network, right_or_refused, run_levels

FLASH = ("u55-128", "u55-256", "u65-512-flash")


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


@pytest.mark.parametrize("seed", range(9))
def test_random_networks(seed):
    for turn, sram_kib in enumerate((None, 24, 6)):
        right_or_refused(random_network(seed), FLASH[(seed + turn) % 3], sram_kib)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_nothing_is_written_off_chip_and_the_host_finds_all_in_sram(name):
    program = run_levels(NAMED[name](), "u55-256").program
    (segment,) = (one for one in program.segments if isinstance(one, NpuSegment))
    assert segment.outputs and all(tensor.dram_offset == -1 for tensor in program.tensors)
    assert not any(view.space is Space.DRAM for command in segment.commands for view in command.instruction.writes())


def test_the_layer_that_does_not_fit_is_named_with_the_bytes_short():
    net = Net(i8(1, 64, 64, 16))
    module = net.returns(net.conv(net.inputs[0], 16))
    with pytest.raises(DoesNotFit, match="bytes short") as caught:
        lower(module, get("u55-256", 64))
    assert "off-chip memory cannot be written" in str(caught.value)
