# SPDX-License-Identifier: Apache-2.0
"""More SRAM on random networks and on the .tflite ones: how often, and by how much, a plan is slower with more of it.

    python bench/ladder.py --graphs 30 --seed 1              random networks, every machine, default effort
    python bench/ladder.py --graphs 5 --effort 3             where it cannot happen, by construction
    python bench/ladder.py --networks mlperf                 .tflite networks whose name contains this

A ladder is one network on one machine in every capacity of the planner's rungs that it fits in, up to the machine's own. A step is slower
where it takes more cycles than any capacity below it.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from bounds import MODELS, PLANNING
from torch_mlir import ir

from npuc import dialects, targets
from npuc.dialects.attrs import TargetRef, to_attr
from npuc.errors import DoesNotFit, NpucError
from npuc.frontend.tflite import import_tflite
from npuc.fuzz.npu import random_network
from npuc.passes._segment import drop_dead, graph_of, segments
from npuc.passes.base import TARGET_ATTRIBUTE, functions
from npuc.passes.npu_schedule import planned_graph
from npuc.passes.pipeline import DEFAULT, run_passes
from npuc.plan.graph import Graph
from npuc.plan.options import DEFAULT_EFFORT, Options
from npuc.plan.search import RUNGS, search
from npuc.targets.base import Target


@dataclass
class Found:
    """Of one machine.

    Attributes:
        ladders, steps: how many of each there were.
        slower: ratios above 1 of a step to the best below it.
    """

    ladders: int = 0
    steps: int = 0
    slower: list[float] = field(default_factory=list)

    def add(self, cycles: list[int]) -> None:
        """The cycles of one ladder, least capacity first."""
        self.ladders += 1
        for before, one in enumerate(cycles[1:], 1):
            self.steps += 1
            ratio = one / min(cycles[:before])
            if ratio > 1:
                self.slower.append(ratio)

    def line(self, name: str) -> str:
        """One row of the table."""
        worst = f"{max(self.slower):.4f}" if self.slower else "-"
        mean = f"{np.mean(self.slower):.4f}" if self.slower else "-"
        return f"{name:<16}{self.ladders:>8}{self.steps:>8}{len(self.slower):>8}{mean:>10}{worst:>10}"


def graphs_of(module: ir.Module, target: Target) -> Iterator[Graph]:
    """What the planner plans of an imported module."""
    module.operation.attributes[TARGET_ATTRIBUTE] = to_attr(TargetRef(target.name, target.sram.bytes))
    run_passes(module, DEFAULT[:PLANNING])
    first = 0
    for function in functions(module):
        drop_dead(function.operation)
        for ops in segments(function.operation):
            yield planned_graph(graph_of(ops, first, edges_in_sram=not target.dram.writable), target, bricks=True)
            first += len(ops)


def ladder(graph: Graph, target: Target, effort: int) -> list[int]:
    """Cycles in every capacity that the network fits in, least first."""
    found = []
    for rung in (rung for rung in RUNGS if rung <= target.sram.bytes):
        try:
            found.append(search(graph, target.with_sram(rung), Options(effort=effort)).schedule.estimate_cycles)
        except DoesNotFit:
            continue
    return found


def modules(options: argparse.Namespace) -> Iterator[tuple[str, ir.Module]]:
    """Name and module of each network; a context and a location are entered."""
    if options.networks is not None:
        for path in sorted(MODELS.glob(f"*{options.networks}*.tflite")):
            yield path.stem, import_tflite(path.read_bytes(), ir.Context.current)[0]
    else:
        for number in range(options.graphs):
            yield f"graph {number}", random_network(np.random.default_rng([options.seed, number]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--networks", metavar="NAME", help=".tflite networks whose name contains this, instead of random ones")
    parser.add_argument("--effort", type=int, default=DEFAULT_EFFORT)
    parser.add_argument("--target", choices=targets.names(), help="one machine (default: all)")
    options = parser.parse_args()
    found = {name: Found() for name in ([options.target] if options.target else targets.names())}
    for machine, rows in found.items():
        target = targets.get(machine)
        with dialects.new_context(), ir.Location.unknown():
            for name, module in modules(options):
                try:
                    graphs = list(graphs_of(module, target))
                except NpucError as error:
                    print(f"{name} on {machine}: {str(error).splitlines()[0]}", flush=True)
                    continue
                for graph in graphs:
                    cycles = ladder(graph, target, options.effort)
                    if len(cycles) > 1:
                        rows.add(cycles)
        print(rows.line(machine), flush=True)
    total = Found(sum(one.ladders for one in found.values()), sum(one.steps for one in found.values()), [r for one in found.values() for r in one.slower])
    print(f"seed {options.seed}, effort {options.effort}")
    print(f"{'machine':<16}{'ladders':>8}{'steps':>8}{'slower':>8}{'mean':>10}{'worst':>10}")
    print("\n".join(one.line(name) for name, one in {**found, "all": total}.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
