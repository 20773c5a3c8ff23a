# SPDX-License-Identifier: Apache-2.0
"""Real .tflite networks on simulated machines, every byte of every output against LiteRT's reference kernels (BUILTIN_REF).

    python bench/tflite_models.py                                     all models, four machines, 10 inputs each
    python bench/tflite_models.py --only mlperf --target edge-256
    python bench/tflite_models.py --force-host                        with one op of each model on the host
    python bench/tflite_models.py --processes                         seconds of `npuc compile`, the start of the process included

One row a model and machine: outputs that differ, cycles, share of multiply-accumulates on the NPU, seconds to compile. The inputs are
random codes, and every third a smooth image. `--seed` makes others.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import npuc
from npuc.errors import NpucError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test"))

from samples.tflite_files import Oracle  # noqa: E402

MODELS = ROOT.parent / "shared" / "models" / "tflite"
MACHINES = ("pico-64", "edge-256", "edge-2048", "u65-512-dram")


def smooth(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """An image of slow changes that uses the whole range of the dtype."""
    walk = rng.normal(size=shape)
    for axis in range(1, max(2, len(shape) - 1)):
        walk = np.cumsum(walk, axis=min(axis, len(shape) - 1))
    span = float(walk.max() - walk.min()) or 1.0
    unit = (walk - walk.min()) / span
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return np.rint(info.min + unit * (info.max - info.min)).astype(dtype)
    return (2 * unit - 1).astype(dtype)


def inputs_of(oracle: Oracle, rng: np.random.Generator, index: int) -> list[np.ndarray]:
    """Random codes; every third a smooth image."""
    return [smooth(rng, *one) for one in oracle.inputs] if index % 3 == 2 else oracle.random_inputs(rng)


def row(path: Path, target: str, options: argparse.Namespace) -> str:
    """One line of the table."""
    head = f"{path.stem:<42} {target:<13}"
    oracle = Oracle(path.read_bytes())
    start = time.perf_counter()
    try:
        program = npuc.compile(path, target=target, force_host=forced(path, target) if options.force_host else ())
    except NpucError as error:
        return f"{head} refused: {str(error).splitlines()[0]}"
    seconds = time.perf_counter() - start
    rng = np.random.default_rng(options.seed)
    wrong = values = 0
    for index in range(options.inputs):
        arrays = inputs_of(oracle, rng, index)
        found = program.run(*arrays)
        for one, other in zip(found if isinstance(found, tuple) else (found,), oracle.run(*arrays), strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype), (one.shape, one.dtype, other.shape, other.dtype)
            wrong += int((one != other).sum())
            values += one.size
    layers = program.program.layers
    total = sum(layer.macs for layer in layers)
    on_npu = sum(layer.macs for layer in layers if layer.device == "npu")
    share = 100 * on_npu / total if total else 0.0
    return f"{head} {wrong:>6} of {values:<9} {program.profile().cycles:>11,} cycles {share:6.1f} % of MACs {seconds:6.2f} s"


def forced(path: Path, target: str) -> tuple[str, ...]:
    """The layer in the middle of the model."""
    layers = [layer for layer in npuc.compile(path, target=target).program.layers if layer.device == "npu"]
    return (layers[len(layers) // 2].name,)


def process_seconds(path: Path, target: str) -> str:
    """`npuc compile` as a user runs it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from npuc.cli import main; raise SystemExit(main())", "compile", str(path), "--target", target]
        start = time.perf_counter()
        status = subprocess.run([*command, "-o", str(Path(folder) / "net.npub")], capture_output=True).returncode
    return f"{path.stem:<42} {target:<13} exit status {status} {time.perf_counter() - start:6.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="models whose name holds this")
    parser.add_argument("--target", action="append", help="a machine; may be repeated")
    parser.add_argument("--inputs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--force-host", action="store_true")
    parser.add_argument("--processes", action="store_true")
    options = parser.parse_args()
    paths = [path for path in sorted(MODELS.glob("*.tflite")) if options.only in path.stem]
    if not paths:
        print(f"no models in {MODELS}", file=sys.stderr)
        return 1
    for target in options.target or MACHINES:
        for path in paths:
            print(process_seconds(path, target) if options.processes else row(path, target, options), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
