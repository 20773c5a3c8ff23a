# SPDX-License-Identifier: Apache-2.0
"""The schedules in bench/schedules replay, and compute what the planner's own compute."""

from pathlib import Path

import numpy as np
from torch_mlir import ir

from npuc import dialects, targets
from npuc.compiler import encode, lower
from npuc.report.profile import profile
from npuc.runtime import load
from npuc.validate import random_inputs
from samples import blocks
from samples.networks import run_levels

SCHEDULES = Path(__file__).resolve().parents[2] / "bench" / "schedules"


def test_a_block_of_mobilenet_v2_by_hand_gives_the_same_bytes_at_every_level():
    with dialects.new_context(), ir.Location.unknown():
        found = run_levels(blocks.mobilenet_v2_block(), "edge-256", schedule=str(SCHEDULES / "mobilenet_v2_block.json"))
    figures = profile(found.program)
    # nothing between its first and its last op leaves the SRAM
    assert figures.off_chip_read_bytes + figures.off_chip_write_bytes < 1.01 * figures.compulsory_bytes
    assert figures.bound_ratio < 1.06


def test_a_stage_of_resnet50_by_hand_computes_what_the_planners_does():
    target = targets.get("edge-256")
    outputs, figures = [], []
    for schedule in (str(SCHEDULES / "resnet50_stage.json"), None):
        with dialects.new_context(), ir.Location.unknown():
            module = blocks.resnet50_stage()
            inputs = random_inputs(module, 0)
            lower(module, target, schedule=schedule)
            program = encode(module, target)
        loaded = load(program, "native")
        loaded.check_hazards()
        outputs.append(loaded.run(*inputs))
        figures.append(profile(program))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert len(np.unique(outputs[0])) > 50
    assert figures[0].bound_ratio < 1.06
