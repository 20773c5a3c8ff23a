# SPDX-License-Identifier: Apache-2.0
"""Does a damaged file crash, hang, or take all memory? Sound files are damaged and put before every front door.

    python bench/hostile.py --files 20000 --seed 1

Sound files are programs of random networks and the golden ones, .tflite files of one operator each, TOSA modules as text, and a few as
bytecode. Each damaged one has to end in an error of npuc with its code, or in a result, within a limit of time and memory. Exit status 1
where one does not; it is saved.
"""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import numpy as np
from torch_mlir import ir

from npuc import dialects, targets
from npuc.compiler import encode, lower
from npuc.errors import NpucError
from npuc.fuzz import hostile
from npuc.fuzz.npu import random_network
from npuc.fuzz.tosa import random_module
from npuc.passes.pipeline import bytecode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test"))
from samples import tflite_ops  # noqa: E402

# Half of all files are programs, a quarter each the others; bytecode is read by a process of its own, so there is little of it.
_SETS = 12
_MACHINES = ("pico-64", "edge-256", "edge-2048", "u65-512-dram")


def main() -> int:
    parser = argparse.ArgumentParser(description="Damaged files at every front door.")
    parser.add_argument("--files", type=int, default=20_000, metavar="N", help="damaged files (default 20000)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the number of the first one, to go on where another run ended (default 0)")
    parser.add_argument("--seed", type=int, help="which ones (default: one at random, printed)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--output-dir", type=Path, default=Path("out/hostile"), metavar="DIR", help="receives the files that did harm")
    options = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    numbers = range(options.first, options.first + options.files)

    def told(report: hostile.Report, broken: hostile.Broken | None) -> None:
        if broken is not None:
            print(broken, flush=True)
        if report.files % 1000 == 0:
            print(f"{report.files:,} files, {report.seconds:,.0f} s", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        sources = sound_files(Path(folder), seed)
        report = hostile.search(sources, numbers=numbers, seed=seed, workers=options.workers, folder=options.output_dir, told=told)
    print(report)
    return int(bool(report.broken))


def sound_files(folder: Path, seed: int) -> list[Path]:
    """Files of every kind, written to `folder`, in the order in which they are damaged."""
    rng = np.random.default_rng(seed)
    golden = sorted((ROOT / "test/golden").glob("*.npub"))
    operators = sorted(tflite_ops.CASES)
    found: list[Path] = []
    for number in range(_SETS):
        programs = [_write(folder / f"network_{number}_{i}.npub", _program(rng)) for i in range(4)]
        names = [operators[int(rng.integers(len(operators)))] for _ in range(3)]
        networks = [_write(folder / f"{name.lower()}_{number}.tflite", tflite_ops.CASES[name](rng)) for name in names]
        modules = [_write(folder / f"module_{number}_{i}.mlir", _tosa(rng, text=i > 0 or number % 4 > 0)) for i in range(3)]
        found += [*programs, golden[number % len(golden)], *networks, *modules, programs[0]]
    return found


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _program(rng: np.random.Generator) -> bytes:
    """The program of a random network."""
    while True:
        machine = targets.get(_MACHINES[int(rng.integers(len(_MACHINES)))])
        with dialects.new_context(), ir.Location.unknown(), np.errstate(all="ignore"):
            module = random_network(rng)
            try:
                lower(module, machine)
            except NpucError:
                continue
            return encode(module, machine).to_bytes()


def _tosa(rng: np.random.Generator, text: bool) -> bytes:
    with dialects.new_context(), ir.Location.unknown():
        module = random_module(rng)
        return str(module).encode() if text else bytecode(module)


if __name__ == "__main__":
    sys.exit(main())
