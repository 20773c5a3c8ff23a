# SPDX-License-Identifier: Apache-2.0
"""A price put together from steps without addresses is the one of the commands made anew."""

import json
from dataclasses import replace

import numpy as np
import pytest
from torch_mlir import ir

from builder import Network
from npuc import dialects, native
from npuc.compiler import encode, lower
from npuc.numerics.rescale import Rescale
from npuc.ops.base import TensorType
from npuc.plan.group import Shared
from npuc.plan.options import Options
from npuc.plan.price import Pricer
from npuc.plan.schedule import GroupPlan, Schedule
from npuc.plan.search import search
from npuc.report.profile import profile
from npuc.targets import get
from samples.plans import Drawing, i8

if native.module() is None:
    pytest.skip("npuc._native is not built (no C++ compiler at installation)", allow_module_level=True)


def drawing():
    """Convolutions in stripes, a residual, a pool and a view."""
    d = Drawing()
    x = d.conv(d.input(i8(1, 24, 24, 8)), 16)
    y = d.conv(d.conv(x, 48), 16)
    return d.graph(d.reshape(d.add(x, y), 1, 24 * 24 * 16))


MACHINES = [(name, sram_kib) for name in ("pico-64", "edge-256", "edge-2048", "u65-512-dram") for sram_kib in (16, 24, 256)]
# feature maps have to stay in SRAM there
MACHINES += [("u55-256", 256), ("u65-512-flash", 256)]


@pytest.mark.parametrize("name, sram_kib", MACHINES)
@pytest.mark.parametrize("effort", [0, 1])
def test_a_price_is_that_of_the_commands(name, sram_kib, effort):
    graph, target = drawing(), get(name).with_sram(sram_kib * 1024)
    found = search(graph, target, Options(effort=effort))
    pricer = Pricer(graph, target)
    assert pricer.price(found.steps, found.placement) == pricer._price_in_python(found.steps, found.placement) == found.price


def test_addresses_decide_who_waits():
    """Buffers side by side cost no more than those that take turns at one place, and buffers on top of one another cost most."""
    graph, target = drawing(), get("edge-256").with_sram(24 * 1024)
    found = search(graph, target)
    pricer = Pricer(graph, target)
    offsets, top = [], 0
    for buffer in found.steps.buffers:
        offsets.append(top)
        top += buffer.size_bytes
    apart = replace(found.placement, offsets=tuple(offsets))
    assert pricer.price(found.steps, apart) == pricer._price_in_python(found.steps, apart)
    heap = replace(found.placement, offsets=(0,) * len(offsets))
    assert pricer.price(found.steps, heap) == pricer._price_in_python(found.steps, heap)
    assert pricer.price(found.steps, apart).total_cycles <= found.price.total_cycles < pricer.price(found.steps, heap).total_cycles


def test_a_tile_of_some_channels_is_judged_with_its_own_packed_bytes():
    """Weights that are nearly all zero: two channels' share of the whole would be less than their records."""
    d = Drawing()
    graph = d.graph(d.conv(d.input(i8(1, 4, 4, 16)), 34))
    packed = replace(graph, packed_bytes={0: 368}, packed_part_bytes=lambda node, region: 48)
    shared = Shared(packed, get("u55-128"))
    (command,) = shared._tile_commands(packed.nodes[0], 4, 2, True, frozenset())
    assert command.packed and command.weights.elements == 16


def test_parameters_that_the_core_reads_off_chip_in_parts_are_priced_as_they_are_packed(tmp_path):
    """The first output channels take nearly all bytes of the packed weights, the last two nearly none."""
    rng, target = np.random.default_rng(0), get("u55-128")
    group = GroupPlan((0,), 1, (2,), (False,), direct=(True,))
    weights = np.zeros((34, 40), np.int8)
    weights[:20] = rng.integers(-100, 100, (20, 40))
    with dialects.new_context(), ir.Location.unknown():
        network = Network(TensorType((2, 40), "i8"))
        bias = network.constant(np.zeros(34, np.int32))
        result = network.insert(
            "fully_connected", network.inputs[0], network.constant(weights), bias, rescale=Rescale.from_scales([0.01]),
            output=TensorType((), "i8"),
        )  # fmt: skip
        module = network.returns(result)
        path = tmp_path / "schedule.json"
        path.write_text(json.dumps(Schedule((group,)).to_dict()))
        lower(module, target, schedule=str(path))
        found = profile(encode(module, target))
    assert found.estimate_cycles == found.cycles
