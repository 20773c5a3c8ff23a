# SPDX-License-Identifier: Apache-2.0
"""How fast single kernels are: every code path of the native engine beside PyTorch's int8 convolutions, one thread; and commands a second.

    python bench/kernels.py
    python bench/kernels.py --seconds 1 --json out/kernels.json

A row is GMAC/s, the best of many runs by CPU time. The native engine's figures are whole commands: reading the operands from the
simulated memories, rescale, clamp and the store of the result. PyTorch's are `torch.ops.quantized.conv2d` on its oneDNN backend,
rescale included, weights packed before; its i8 arithmetic is not exact on every processor.
"""

import argparse
import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from npuc import targets
from npuc.isa.base import Command, Operand, Space
from npuc.isa.conv2d import Conv2d
from npuc.isa.depthwise_conv2d import DepthwiseConv2d
from npuc.isa.matmul import Matmul
from npuc.isa.records import pack_scales
from npuc.sim.native import NativeSegment
from npuc.timing import engine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test"))

# name, input H = W, input channels, output channels, kernel, stride; 0 output channels: depthwise
CONVOLUTIONS = (
    ("3x3 64->64 at 56", 56, 64, 64, 3, 1),
    ("3x3 3->32 at 224, stride 2", 224, 3, 32, 3, 2),
    ("1x1 96->24 at 56", 56, 96, 24, 1, 1),
    ("1x1 320->1280 at 7", 7, 320, 1280, 1, 1),
    ("1x1 1280->1000 at 1", 1, 1280, 1000, 1, 1),
    ("depthwise 3x3 96 at 112", 112, 96, 0, 3, 1),
    ("depthwise 3x3 576 at 14", 14, 576, 0, 3, 1),
    ("depthwise 3x3 8 at 48", 48, 8, 0, 3, 1),
)


def best(run: Callable[[], object], seconds: float) -> float:
    """Least CPU seconds of one run."""
    run()
    found, start = 1e9, time.process_time()
    while time.process_time() - start < seconds:
        at = time.process_time()
        run()
        found = min(found, time.process_time() - at)
    return found


class Memory:
    """Bytes of SRAM, handed out in order."""

    def __init__(self) -> None:
        self.image = np.random.default_rng(0).integers(0, 256, 1 << 24).astype(np.uint8)
        self.used = 0

    def view(self, *shape: int) -> Operand:
        n, height, width, channels = shape
        view = Operand.dense(Space.SRAM, self.used, (n, height, width, channels))
        self.used += -(-view.elements // 64) * 64
        return view

    def scales(self, channels: int) -> Operand:
        view = self.view(1, 1, channels, 10)
        packed = pack_scales(np.zeros(channels, np.int64), np.full(channels, 3 << 29), np.full(channels, 44))
        view.write(self.image, np.frombuffer(packed, np.int8).reshape(view.shape))
        return view


def convolution(memory: Memory, size: int, channels: int, out: int, kernel: int, stride: int) -> tuple[Conv2d | DepthwiseConv2d, int]:
    """The command and its multiply-accumulates."""
    pad, rows = kernel // 2, -(-size // stride)
    trailing = (rows - 1) * stride + kernel - size - pad
    ifm = memory.view(1, size, size, channels).padded((pad, trailing, pad, trailing), 3)
    if out:
        weights = memory.view(out, kernel, kernel, channels)
        ofm = memory.view(1, rows, rows, out)
        macs = rows * rows * out * kernel * kernel * channels
        return Conv2d(ifm=ifm, weights=weights, scales=memory.scales(out), ofm=ofm, stride_h=stride, stride_w=stride, zp_x=3), macs
    ofm = memory.view(1, rows, rows, channels)
    weights = memory.view(1, kernel, kernel, channels)
    macs = rows * rows * channels * kernel * kernel
    return DepthwiseConv2d(ifm=ifm, weights=weights, scales=memory.scales(channels), ofm=ofm, stride_h=stride, stride_w=stride, zp_x=3), macs


def native(instruction: Conv2d | DepthwiseConv2d | Matmul, memory: Memory, path: str, seconds: float) -> float:
    """Seconds of one command, weights packed before: the plan is told that they are constants of a DRAM that is this very memory."""
    # operands in DRAM below `constant_bytes` count as constant, so the memory stands in for DRAM
    moved = {name: _in_dram(getattr(instruction, name)) for name in ("weights", "scales") if hasattr(instruction, name)}
    command = Command(type(instruction)(**{**_fields(instruction), **moved}), "mac")
    run = NativeSegment([command], [0], len(memory.image), len(memory.image), len(memory.image), path)
    images = {Space.SRAM: memory.image, Space.DRAM: memory.image.copy()}
    return best(lambda: run.run(images), seconds)


def _fields(instruction: object) -> dict:
    return dict(vars(instruction))


def _in_dram(view: Operand) -> Operand:
    return Operand(Space.DRAM, view.dtype, view.base, view.shape, view.strides)


def torch_seconds(size: int, channels: int, out: int, kernel: int, stride: int, seconds: float) -> float | None:
    """Seconds of PyTorch's quantized convolution; None where it is not there."""
    try:
        import torch

        # quantized tensors are deprecated; the kernels behind them are what is measured
        warnings.filterwarnings("ignore", message=".*deprecated")
        torch.set_num_threads(1)
        torch.backends.quantized.engine = "onednn"
    except (ImportError, RuntimeError):
        return None
    groups = 1 if out else channels
    random = torch.Generator().manual_seed(0)
    x = torch.quantize_per_tensor(torch.rand((1, channels, size, size), generator=random), 0.01, 3, torch.quint8)
    x = x.contiguous(memory_format=torch.channels_last)
    w = torch.quantize_per_tensor(torch.rand((out or channels, channels // groups, kernel, kernel), generator=random), 0.01, 0, torch.qint8)
    packed = torch.ops.quantized.conv2d_prepack(w, None, [stride, stride], [kernel // 2, kernel // 2], [1, 1], groups)
    return best(lambda: torch.ops.quantized.conv2d(x, packed, 0.5, 3), seconds)


def commands_a_second() -> dict[str, float]:
    """Of the timing engine, in C++ and in Python, figures known; and of the figures themselves."""
    from samples import programs

    target = targets.get("edge-256")
    commands = programs.stripes(2000, target)
    start = time.process_time()
    known = [engine.figures(command.instruction, target) for command in commands]
    took = {"figures": time.process_time() - start}
    took["C++"] = best(lambda: engine._native_run(commands, target, known), 0.3)
    took["Python"] = best(lambda: engine.simulate_in_python(commands, target, known), 0.3)
    return {name: len(commands) / seconds for name, seconds in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each is run for its best time")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    paths = importlib.import_module("npuc._native").paths()
    print("| GMAC/s | " + " | ".join((*paths, "PyTorch")) + " |\n|" + "---|" * (len(paths) + 2))
    rows = []
    for name, size, channels, out, kernel, stride in CONVOLUTIONS:
        memory = Memory()
        instruction, macs = convolution(memory, size, channels, out, kernel, stride)
        row = {path: macs / native(instruction, memory, path, options.seconds) / 1e9 for path in paths}
        theirs = torch_seconds(size, channels, out, kernel, stride, options.seconds)
        row |= {"PyTorch": macs / theirs / 1e9} if theirs else {}
        rows.append({"name": name, **row})
        print(f"| {name} | " + " | ".join(f"{row[one]:.1f}" if one in row else "-" for one in (*paths, "PyTorch")) + " |", flush=True)
    memory = Memory()
    a, b = memory.view(1, 8, 128, 64), memory.view(1, 8, 64, 128)
    product = Matmul(a=a, b=b, ofm=memory.view(1, 8, 128, 128), multiplier=3 << 29, shift=44)
    row = {path: 8 * 128 * 128 * 64 / native(product, memory, path, options.seconds) / 1e9 for path in paths}
    rows.append({"name": "matmul", **row})
    print("| matmul 8 x 128x64x128, both activations | " + " | ".join(f"{row[path]:.1f}" for path in paths) + " | - |")
    speeds = commands_a_second()
    print("\ntiming, commands a second: " + ", ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items()))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"kernels": rows, "commands_per_second": speeds}, indent=2) + "\n")


if __name__ == "__main__":
    main()
