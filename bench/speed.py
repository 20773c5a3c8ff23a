# SPDX-License-Identifier: Apache-2.0
"""How fast the simulator runs whole networks, beside LiteRT's reference kernels and XNNPACK in the same run, one thread each.

    python bench/speed.py                                   every .tflite of ../shared/models/tflite, compiled for edge-256
    python bench/speed.py net.tflite other.npub --target edge-2048 --json out/speed.json

Each program is measured in fresh processes, in milliseconds of its CPU time: every side has one thread, and on a machine that others
share the clock on the wall says more about them.

    cold     read the file, build everything, time it, prove it free of races, run once; imports left out; the best of several processes
    warm     the best of many later runs; ratio to the reference kernels' best
    load, plan, timing, hazards, first   the parts of cold
    memory   the process's peak, interpreter and numpy included

A .npub has no LiteRT beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT.parent / "shared/models/tflite"

COLD_RUNS = 5
COLD_PARTS = ("cold", "load", "plan", "timing", "hazards", "first")

_SIMULATOR = """
import json, resource, sys, time
import numpy as np
from npuc.runtime import load
import npuc.report.profile
path, seconds = sys.argv[1], float(sys.argv[2])
from npuc.isa import all_instructions
from npuc.ops import all_ops
all_instructions(), all_ops()
clock, laps = time.process_time, {}
def lap(name, start):
    laps[name] = (clock() - start) * 1e3
begin = at = clock()
loaded = load(path)
lap("load", at); at = clock()
loaded._segments
lap("plan", at); at = clock()
cycles = sum(line.total_cycles for line in loaded.timelines)
lap("timing", at); at = clock()
loaded.check_hazards()
lap("hazards", at); at = clock()
tensors = [loaded.program.tensor(port.tensor_id) for port in loaded.program.inputs]
from npuc.ops.base import NUMPY_DTYPES
random = np.random.default_rng(0)
inputs = [random.integers(0, 100, one.shape).astype(NUMPY_DTYPES[one.dtype]) for one in tensors]
at = clock()
loaded.run(*inputs)
lap("first", at)
lap("cold", begin)
best, count, start = 1e9, 0, clock()
while count < 5 or clock() - start < seconds:
    at = clock()
    loaded.run(*inputs)
    best, count = min(best, clock() - at), count + 1
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(laps | {"warm": best * 1e3, "memory": memory, "commands": loaded.program.command_count, "cycles": cycles, "host": loaded.host_seconds * 1e3}))
"""

_LITERT = """
import json, sys, time
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
path, seconds, found = sys.argv[1], float(sys.argv[2]), {}
for name, kind in (("reference", OpResolverType.BUILTIN_REF), ("xnnpack", OpResolverType.BUILTIN)):
    interpreter = Interpreter(path, num_threads=1, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for entry in interpreter.get_input_details():
        interpreter.set_tensor(entry["index"], random.integers(0, 100, entry["shape"]).astype(entry["dtype"]))
    best, count, start = 1e9, 0, time.process_time()
    while count < 5 or time.process_time() - start < seconds:
        at = time.process_time()
        interpreter.invoke()
        best, count = min(best, time.process_time() - at), count + 1
    found[name] = best * 1e3
print(json.dumps(found))
"""


def child(script: str, *arguments: str) -> dict:
    """What a script prints last, as JSON; nothing where it cannot run."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}", file=sys.stderr)
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(path: Path, target: str, seconds: float, folder: Path) -> dict:
    """Figures of one network, in milliseconds and MiB."""
    program = path
    found: dict = {"name": path.stem}
    if path.suffix != ".npub":
        program = folder / f"{path.stem}.npub"
        script = "import sys, npuc; npuc.compile(sys.argv[1], target=sys.argv[2]).save(sys.argv[3]); print('{}')"
        subprocess.run([sys.executable, "-c", script, str(path), target, str(program)], check=True, capture_output=True)
        found |= child(_LITERT, str(path), str(seconds))
    # only a process of its own is cold, and one alone says little on a machine that others share
    cold = [child(_SIMULATOR, str(program), "0") for _ in range(COLD_RUNS - 1)]
    warm = child(_SIMULATOR, str(program), str(seconds))
    best = min((run for run in (*cold, warm) if run), key=lambda run: run["cold"], default={})
    return found | warm | {part: best[part] for part in COLD_PARTS if part in best}


def row(found: dict) -> str:
    """One line of the table."""

    def cell(name: str) -> str:
        return f"{found[name]:.3f}" if name in found else "-"

    def ratio(name: str) -> str:
        return f"{found[name] / found['reference']:.3f}" if {name, "reference"} <= found.keys() else "-"

    cells = [found["name"], found.get("commands", "-"), cell("reference"), cell("xnnpack"), cell("warm"), ratio("warm"), cell("cold"), ratio("cold")]
    cells += [*map(cell, ("load", "plan", "timing", "hazards", "first", "host")), f"{found.get('memory', 0):.0f}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", type=Path, help=".tflite or .npub files (default: every .tflite of the shared models)")
    parser.add_argument("--target", default="edge-256")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each is run for its best time")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    models = options.models or sorted(MODELS.glob("*.tflite"))
    headings = ["network", "commands", "reference", "XNNPACK", "warm", "ratio", "cold", "ratio", "load", "plan", "timing", "hazards", "first", "host", "MiB"]
    print("| " + " | ".join(headings) + " |\n|" + "---|" * len(headings))
    rows = []
    with tempfile.TemporaryDirectory(prefix="npuc-bench-") as folder:
        for path in models:
            rows.append(measure(path, options.target, options.seconds, Path(folder)))
            print(row(rows[-1]), flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
