# SPDX-License-Identifier: Apache-2.0
"""Random networks compute the same bytes at every level on every machine with any SRAM, or are refused by layer and bytes short.

More of them: `NPUC_RANDOM_NETWORKS=200 pytest test/unit/test_pipeline_random.py`.
"""

import os

import pytest
from torch_mlir import ir

from npuc import dialects
from samples.networks import SRAM_KIB, TARGETS, random_network, right_or_refused

COUNT = int(os.environ.get("NPUC_RANDOM_NETWORKS", "30"))


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


@pytest.mark.parametrize("seed", range(COUNT))
def test_random_networks(seed):
    """The number in a failing test's name is the seed: `samples.networks.random_network(seed)` makes the network again."""
    for turn in range(3):
        target = TARGETS[(seed + turn) % len(TARGETS)]
        sram_kib = SRAM_KIB[(seed // 2 + 2 * turn) % len(SRAM_KIB)]
        right_or_refused(random_network(seed), target, sram_kib)


def test_a_seed_makes_the_same_network_every_time():
    assert str(random_network(5)) == str(random_network(5)) != str(random_network(6))
