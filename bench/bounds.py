# SPDX-License-Identifier: Apache-2.0
"""The 13 .tflite networks, and ResNet50, against what no schedule can beat.

    python bench/bounds.py                           all 13 on edge-256
    python bench/bounds.py --only mobilenet --target pico-64
    python bench/bounds.py --resnet50                ResNet50 too; its random weights are quantized once and kept in out/

A row: cycles over the network bound, which for a network that runs on the NPU alone is also the inverse of the share that MAC
utilisation has of what the bound allows; off-chip bytes over the compulsory ones; the planner's estimate over the cycles; and in KiB
"live", the most that whole feature maps take at one op, computed in the program's order, and "layer", the most that one op reads and
writes, parameters included. A network whose live + layer fit the SRAM ("fits") should move little more than the compulsory bytes.
The means hold for networks above 1 MMAC. ResNet50's last line is the mean over its convolutions, each with the same weight, of the
part of the array's peak that the layer reaches while it runs.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test"))

from torch_mlir import ir  # noqa: E402

from npuc import targets  # noqa: E402
from npuc.compiler import encode  # noqa: E402
from npuc.dialects.attrs import TargetRef, to_attr  # noqa: E402
from npuc.errors import NpucError  # noqa: E402
from npuc.isa.base import Space  # noqa: E402
from npuc.passes._segment import drop_dead, graph_of, segments  # noqa: E402
from npuc.passes.base import TARGET_ATTRIBUTE, functions  # noqa: E402
from npuc.passes.npu_schedule import planned_graph  # noqa: E402
from npuc.passes.pipeline import DEFAULT, leave_out, run_passes  # noqa: E402
from npuc.plan.commands import spec_commands  # noqa: E402
from npuc.plan.graph import Graph  # noqa: E402
from npuc.report.profile import Profile, profile  # noqa: E402
from npuc.report.table import count, kib  # noqa: E402
from npuc.targets.base import Target  # noqa: E402

MODELS = ROOT.parent / "shared" / "models" / "tflite"
RESNET50 = ROOT / "out" / "resnet50.mlirbc"
SMALL_MACS = 1_000_000
"""Networks below this are left out of the means: their cycles are latencies."""

PLANNING = DEFAULT.index("npu-schedule")


@dataclass(frozen=True)
class Row:
    """One network on one machine.

    Attributes:
        live_bytes, layer_bytes: see the top of this file.
        reachable_cycles: the longest of what each queue needs for whole ops in their best blocks, all operands in SRAM, and of the
            compulsory bytes; no bound, since stripes may do better, but what a schedule without any waiting comes near to.
        seconds: processor time of planning and lowering.
    """

    found: Profile
    compulsory_bytes: int
    live_bytes: int
    layer_bytes: int
    reachable_cycles: int
    seconds: float

    @property
    def off_chip_bytes(self) -> int:
        return self.found.off_chip_read_bytes + self.found.off_chip_write_bytes

    @property
    def fits(self) -> bool:
        return self.live_bytes + self.layer_bytes <= self.found.sram_bytes

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        one = self.found
        return {
            "network": one.network, "target": one.target, "cycles": one.cycles, "network_bound_cycles": one.network_bound_cycles,
            "bound_ratio": one.bound_ratio, "mac_utilisation": one.mac_utilisation, "off_chip_bytes": self.off_chip_bytes,
            "compulsory_bytes": self.compulsory_bytes, "estimate_cycles": one.estimate_cycles, "live_bytes": self.live_bytes,
            "layer_bytes": self.layer_bytes, "reachable_cycles": self.reachable_cycles, "peak_sram_bytes": one.peak_sram_bytes, "seconds": self.seconds,
        }  # fmt: skip


def live_bytes(graph: Graph) -> int:
    """The most that whole feature maps take while one op of the program's order runs; views share their input's bytes."""
    root: dict[int, int] = {}
    for node in graph.nodes:
        if node.spec.is_view:
            root[node.output] = root.get(node.activations[0], node.activations[0])
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.outputs, len(graph.nodes))
    for node in graph.nodes:
        for value in (*node.activations, node.output):
            whole = root.get(value, value)
            first.setdefault(whole, node.index)
            last[whole] = max(last.get(whole, 0), last.get(value, 0), node.index)
    return max(
        sum(graph.types[value].bytes for value in first if first[value] <= node.index <= last[value]) for node in graph.nodes
    )  # fmt: skip


def layer_bytes(graph: Graph) -> int:
    """The most that one op reads and writes, parameters included."""
    return max(
        sum(graph.types[value].bytes for value in dict.fromkeys(node.activations))
        + graph.types[node.output].bytes
        + node.spec.param_bytes()
        for node in graph.nodes
        if not node.spec.is_view
    )


def reachable_cycles(graphs: list[Graph], target: Target) -> int:
    """See `Row`."""
    queues = dict.fromkeys(target.queue_names, 0)
    for graph in graphs:
        for node in (node for node in graph.nodes if not node.spec.is_view):
            stored = min(graph.moved_bytes(node), node.spec.param_bytes())
            bricks = [value in graph.bricks for value in (*node.activations, node.output)]
            for instruction in spec_commands(node.spec, target, stored, [Space.SRAM] * len(bricks), Space.SRAM, bricks):
                queues[target.queues[instruction.unit.value][0]] += instruction.cycles(target)
    return max(*queues.values(), target.dram.cycles(sum(graph.compulsory_bytes(target) for graph in graphs)))


def measured(
    module: ir.Module, names: tuple[list[str], list[str]], name: str, target: Target, schedule: str = "npu-schedule", without: Sequence[str] = ()
) -> Row:
    """Plan and lower an imported module.

    Args:
        schedule: the planning pass, options included.
        without: rewrites to leave out.
    """
    module.operation.attributes[TARGET_ATTRIBUTE] = to_attr(TargetRef(target.name, target.sram.bytes))
    passes = leave_out(without)[0]
    run_passes(module, passes[: passes.index("npu-schedule")])
    graphs, first = [], 0
    for function in functions(module):
        drop_dead(function.operation)
        for ops in segments(function.operation):
            graphs.append(planned_graph(graph_of(ops, first, edges_in_sram=not target.dram.writable), target, bricks=True))
            first += len(ops)
    start = time.process_time()
    run_passes(module, [schedule, *DEFAULT[PLANNING + 1 :]])
    seconds = time.process_time() - start
    program = encode(module, target, *names, {"name": name})
    sizes = max(map(live_bytes, graphs)), max(map(layer_bytes, graphs))
    return Row(profile(program), program.metadata["compulsory_bytes"], *sizes, reachable_cycles(graphs, target), seconds)


def of_tflite(path: Path, target: Target, schedule: str = "npu-schedule", without: Sequence[str] = ()) -> Row:
    """The row of a .tflite file."""
    from npuc.frontend.tflite import import_tflite

    context = ir.Context()
    with context, ir.Location.unknown():
        module, known = import_tflite(path.read_bytes(), context)
        return measured(module, (known.inputs, known.outputs), path.stem, target, schedule, without)


def of_resnet50(target: Target) -> Row:
    """The row of ResNet50 with random weights: cycles do not depend on them."""
    context = ir.Context()
    with context, ir.Location.unknown():
        if not RESNET50.is_file():
            write_resnet50(context)
        from npuc import dialects

        dialects.load(context)
        return measured(ir.Module.parse(RESNET50.read_bytes()), ([], []), "resnet50", target)


def write_resnet50(context: ir.Context) -> None:
    """Quantize, import and store the network."""
    import torch

    from models import randomize, resnet50
    from npuc.frontend.torch import import_torch
    from npuc.quantize import quantize_module

    torch.manual_seed(0)
    example = torch.randn(resnet50.EXAMPLE)
    quantized, _ = quantize_module(randomize(resnet50.ResNet50(), 0), example, [example])
    module = import_torch(quantized, context)
    RESNET50.parent.mkdir(exist_ok=True)
    with RESNET50.open("wb") as file:
        module.operation.write_bytecode(file)


def convolution_shares(found: Profile) -> list[tuple[str, float]]:
    """(layer, part of the array's peak while it runs) of each convolution."""
    return [(layer.name, layer.utilisation) for layer in found.layers if layer.op.split("+")[0] == "conv2d"]


HEAD = f"{'network':<40}{'cycles':>13}{'bound':>13}{'ratio':>8}{'plan':>7}{'MAC':>7}{'off-chip':>10}{'must':>10}{'ratio':>8}{'live':>8}{'layer':>8}  fits  CPU"


def line(row: Row) -> str:
    """One row of the table."""
    one = row.found
    return (
        f"{one.network[:39]:<40}{count(one.cycles):>13}{count(one.network_bound_cycles):>13}{one.bound_ratio:>8.3f}"
        f"{one.estimate_cycles / max(one.cycles, 1):>7.3f}{one.mac_utilisation:>7.1%}"
        f"{kib(row.off_chip_bytes):>10}{kib(row.compulsory_bytes):>10}{row.off_chip_bytes / max(row.compulsory_bytes, 1):>8.3f}"
        f"{kib(row.live_bytes):>8}{kib(row.layer_bytes):>8}{'   yes' if row.fits else '    no'}{row.seconds:>6.1f}"
    )


def means(rows: list[Row]) -> list[str]:
    """What the table says in short."""
    large = [row for row in rows if row.found.npu_macs > SMALL_MACS]
    lines = []
    if large:
        mean = math.exp(sum(math.log(row.found.bound_ratio) for row in large) / len(large))
        worst = max(large, key=lambda row: row.found.bound_ratio)
        named = f"worst {worst.found.bound_ratio:.3f} ({worst.found.network})"
        lines.append(f"cycles over the bound, {len(large)} networks above 1 MMAC: geometric mean {mean:.3f}, {named}")
    fitting = [row for row in rows if row.fits]
    if fitting:
        worst = max(fitting, key=lambda row: row.off_chip_bytes / row.compulsory_bytes)
        ratio = worst.off_chip_bytes / worst.compulsory_bytes
        lines.append(f"off-chip over compulsory bytes, {len(fitting)} networks that fit: worst {ratio:.3f} ({worst.found.network})")
    planned = max(rows, key=lambda row: abs(row.found.estimate_cycles / max(row.found.cycles, 1) - 1))
    off = planned.found.estimate_cycles / max(planned.found.cycles, 1) - 1
    lines.append(f"estimate against cycles: at most {off:+.2%} ({planned.found.network})")
    layers = [(layer, row.found.network) for row in rows for layer in row.found.layers if layer.busy_cycles]
    layer, network = max(layers, key=lambda one: abs(one[0].estimate_cycles / one[0].busy_cycles - 1))
    lines.append(f"  of a layer: at most {layer.estimate_cycles / layer.busy_cycles - 1:+.2%} ({network}, {layer.name})")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="edge-256")
    parser.add_argument("--sram-kib", type=int)
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--resnet50", action="store_true", help="ResNet50 as well; alone with --only resnet50")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rows there")
    options = parser.parse_args()
    target = targets.get(options.target, options.sram_kib)
    rows: list[Row] = []
    print(HEAD)
    for path in (path for path in sorted(MODELS.glob("*.tflite")) if options.only in path.stem):
        try:
            rows.append(of_tflite(path, target))
        except NpucError as error:
            print(f"{path.stem:<40}{str(error).splitlines()[0]}", flush=True)
            continue
        print(line(rows[-1]), flush=True)
    if rows:
        print("\n".join(means(rows)), flush=True)
    if options.resnet50:
        rows.append(of_resnet50(target))
        print(line(rows[-1]))
        shares = convolution_shares(rows[-1].found)
        least = sorted(shares, key=lambda one: one[1])[:5]
        print(f"ResNet50: {len(shares)} convolutions reach {sum(share for _, share in shares) / len(shares):.2%} of the peak in the mean;")
        print("  least " + ", ".join(f"{name} {share:.1%}" for name, share in least))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps([row.to_dict() for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
