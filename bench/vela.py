# SPDX-License-Identifier: Apache-2.0
"""Vela and npuc on the 13 networks of the parity comparison, and the tables that the calibration tests read.

    python bench/vela.py compare --vela PATH                      all networks on u65-512-dram, text
    python bench/vela.py compare --target u55-256 --json out.json --only mlperf
    python bench/vela.py cycles --target u55-256 --effort 3       npuc's cycles alone, over what bench/vela_outcomes.csv says of Vela
    python bench/vela.py outcomes --vela PATH                     writes bench/vela_outcomes.csv anew
    python bench/vela.py layers --vela PATH                       writes bench/vela_layers.csv anew
    python bench/vela.py calibration                              least, median and greatest ratio by preset and kind of op

`cycles` lets a change of the planner be judged in a minute or two: it neither runs Vela nor proves programs free of races.
Vela (ethos-u-vela 5.2.0, Apache-2.0) is a program of its own in an environment of its own.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bounds

from npuc import targets
from npuc.errors import NpucError
from npuc.plan.options import DEFAULT_EFFORT
from npuc.report import calibration, compare, vela

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT.parent / "shared" / "models" / "tflite"
LAYERS = ROOT / "bench" / "vela_layers.csv"

OUTCOMES = ROOT / "bench" / "vela_outcomes.csv"

OUTCOMES_HEAD = """\
# What Vela reports for the 13 networks of the parity comparison, in every mode: one line a preset, network and mode, its default first.
# ethos-u-vela 5.2.0, its own estimates; seconds and memory are of its process, on a busy machine. On flash presets the other modes aim at
# max(what the default uses, 16 KiB), on u65-512-dram at 384 KiB. Written by `python bench/vela.py outcomes`.
"""

LAYERS_HEAD = """\
# What Vela reports for every op it schedules of the 13 networks of the parity comparison, one line for equal ops (the first network is named).
# ethos-u-vela 5.2.0, its own estimates, by its debug database: default mode on every preset, on u65-512-dram also Shared_Sram within 384 KiB.
# Written by `python bench/vela.py layers`; read by test/unit/test_parity.py.
"""


def networks(only: str | None) -> list[Path]:
    """The files, those whose name contains `only`."""
    return [path for path in sorted(MODELS.glob("*.tflite")) if not only or only in path.stem]


def outcomes(program: str, path: Path) -> Iterator[vela.Outcome]:
    """The runs whose layers make the table."""
    for preset, setup in vela.SETUPS.items():
        for memory in setup.memory_modes:
            arena = None if memory == setup.memory_modes[0] else 384 * 1024
            yield vela.compiled(program, path, preset, vela.Mode(memory, arena_bytes=arena))


def write_layers(program: str) -> None:
    """Run Vela over all networks and store what it reports, equal ops once."""
    found: dict[vela.Layer, vela.Layer] = {}
    for path in networks(None):
        for outcome in outcomes(program, path):
            for layer in outcome.layers:
                key = replace(layer, model="", count=0)
                known = found.get(key)
                found[key] = replace(known, count=known.count + layer.count) if known else layer
        print(path.stem, len(found), flush=True)
    LAYERS.write_text(LAYERS_HEAD + vela.write_csv(list(found.values())))


def write_outcomes(program: str) -> None:
    """Run Vela over all networks, presets and modes and store what it reports; what is stored already stays."""
    found = vela.read_outcomes(OUTCOMES.read_text()) if OUTCOMES.is_file() else {}
    for preset in vela.SETUPS:
        for path in networks(None):
            key = preset, path.stem
            if key in found:
                continue
            found[key] = compare.tried(program, path, preset, None)
            rows = [(*key, outcome) for key, outcomes in sorted(found.items()) for outcome in outcomes]
            OUTCOMES.write_text(OUTCOMES_HEAD + vela.write_outcomes(rows))
            print(*key, found[key][0].cycles, flush=True)


def print_cycles(options: argparse.Namespace) -> None:
    """npuc's cycles over those of Vela's best stored mode."""
    stored = vela.read_outcomes(OUTCOMES.read_text())
    ratios = []
    print(f"{'network':<40}{'SRAM KiB':>10}{'Vela':>13}{'npuc':>13}{'ratio':>8}{'bound':>8}{'used KiB':>10}  CPU")
    for path in networks(options.only):
        cap = options.sram_kib and options.sram_kib * 1024
        sram_bytes, best = compare.baseline(options.target, stored[options.target, path.stem], cap, vela.network_bytes(path))
        head = f"{path.stem[:39]:<40}{sram_bytes / 1024:>10.1f}{best.cycles:>13,}"
        try:
            row = bounds.of_tflite(path, targets.get(options.target, sram_bytes / 1024), f"npu-schedule{{effort={options.effort}}}")
        except NpucError as error:
            print(f"{head}  {str(error).splitlines()[0]}", flush=True)
            continue
        one = row.found
        ratios.append(one.cycles / best.cycles)
        print(
            f"{head}{one.cycles:>13,}{ratios[-1]:>8.3f}{one.bound_ratio:>8.3f}{one.peak_sram_bytes / 1024:>10.1f}{row.seconds:>6.1f}",
            flush=True,
        )
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"geometric mean of {len(ratios)}: {mean:.4f}, worst {max(ratios):.3f}")


def print_calibration() -> None:
    """One line a preset and kind of op."""
    charges, unknown = calibration.charges(vela.read_csv(LAYERS.read_text()))
    print(f"{'preset':<16}{'op':<18}{'layers':>8}{'least':>9}{'median':>9}{'greatest':>10}")
    for row in calibration.rows(charges):
        print(f"{row.preset:<16}{row.op:<18}{row.layers:>8}{row.least:>9.4f}{row.median:>9.4f}{row.greatest:>10.2f}")
    print("holds" if calibration.holds(charges) and not unknown else f"does not hold; without a charge: {', '.join(unknown) or 'none'}")


def print_comparison(options: argparse.Namespace) -> None:
    """The table of all networks; a network that Vela or npuc refuses is one line."""
    found = []
    for path in networks(options.only):
        try:
            found.append(compare.compare(path, options.target, options.vela, options.sram_kib * 1024 if options.sram_kib else None))
        except NpucError as error:
            print(f"{path.stem}: {error}", file=sys.stderr)
            continue
        print(compare.render(found[-1:]), flush=True)
    print(compare.render(found))
    if options.json:
        options.json.write_text(compare.to_json(found) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Vela and npuc on the 13 networks of the parity comparison.")
    parser.add_argument("what", choices=("compare", "cycles", "outcomes", "layers", "calibration"))
    parser.add_argument("--vela", metavar="PATH", help="Vela's program (default: `vela` of the search path)")
    parser.add_argument("--target", default="u65-512-dram")
    parser.add_argument("--sram-kib", type=int)
    parser.add_argument("--effort", type=int, default=DEFAULT_EFFORT, help="of the planner, where cycles are asked for")
    parser.add_argument("--only", help="networks whose name contains this")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    if options.what == "calibration":
        print_calibration()
    elif options.what == "layers":
        write_layers(vela.find(options.vela))
    elif options.what == "outcomes":
        write_outcomes(vela.find(options.vela))
    elif options.what == "cycles":
        print_cycles(options)
    else:
        print_comparison(options)


if __name__ == "__main__":
    main()
