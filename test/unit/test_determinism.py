# SPDX-License-Identifier: Apache-2.0
"""Same input, same bytes: programs and modules made by two processes with different hash seeds."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch_mlir import ir

from npuc import dialects
from samples.networks import NAMED, set_target

TEST = Path(__file__).resolve().parents[1]
HASH_SEEDS = ("1", "4711")

# An own process: the hash seed is fixed at its start. The schedule that was found replays to the same program.
COMPILE_TORCH = """
import json, sys
import torch
from torch import nn
import npuc
from models import randomize

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.left = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.right = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.stem(x)
        x = torch.cat([self.left(x) + x, torch.sigmoid(self.right(x))], 1)
        return self.head(x.mean((2, 3)))

network = randomize(Net(), 5)
images = [torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(i)) for i in range(4)]
options = {"target": "edge-256", "sram_kib": 32, "calibration": images}
compiled = npuc.compile(network, images[0], **options)
compiled.save(sys.argv[1])
with open(sys.argv[1] + ".json", "w") as file:
    json.dump(compiled.schedule, file)
replayed = npuc.compile(network, images[0], schedule=sys.argv[1] + ".json", **options)
assert replayed.program.to_bytes() == compiled.program.to_bytes()
"""

LOWER_NPU = """
import sys
from torch_mlir import ir
from npuc import dialects
from samples.networks import NAMED, random_network, run_levels

with dialects.new_context(), ir.Location.unknown():
    with open(sys.argv[1], "wb") as file:
        for module in (*(make() for make in NAMED.values()), *(random_network(seed) for seed in range(4))):
            file.write(run_levels(module, "edge-256", 128).program.to_bytes())
"""


def run(arguments: list[str], hash_seed: str, **options) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([str(TEST), *sys.path[1:]])}
    result = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False, **options)
    assert result.returncode == 0, result.stderr.decode()
    return result


def digests(script: str, tmp_path: Path) -> set[str]:
    """Digests of what the script writes under each hash seed."""
    found = set()
    for seed in HASH_SEEDS:
        path = tmp_path / f"{seed}.npub"
        run(["-c", script, str(path)], seed)
        assert path.stat().st_size > 1000
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def test_a_torch_network_compiles_to_the_same_bytes(tmp_path):
    pytest.importorskip("torch")
    assert len(digests(COMPILE_TORCH, tmp_path)) == 1


def test_npu_modules_lower_to_the_same_bytes(tmp_path):
    assert len(digests(LOWER_NPU, tmp_path)) == 1


@pytest.mark.parametrize("name", ["inception", "inverted_residuals"])
def test_npu_opt_prints_the_same_text(name):
    with dialects.new_context(), ir.Location.unknown():
        module = NAMED[name]()
        set_target(module, "edge-256", 16)
        text = module.operation.get_asm(enable_debug_info=True).encode()
    passes = "--pass-pipeline=builtin.module(npu-cancel-layouts,canonicalize,npu-partition,npu-schedule,npu-tile,npu-place-buffers,convert-npu-to-npu-cmd)"
    printed = {run(["-m", "npuc.opt", "-", "--mlir-print-debuginfo", passes], seed, input=text).stdout for seed in HASH_SEEDS}
    assert len(printed) == 1
    assert b"npu_cmd.segment" in printed.pop()
