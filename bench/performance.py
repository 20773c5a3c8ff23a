# SPDX-License-Identifier: Apache-2.0
"""Measures what docs/performance.md says, and writes the page.

    python bench/performance.py                         everything, then the page and its pictures
    python bench/performance.py measure --part compare bounds techniques hand        some of it, into out/performance.json
    python bench/performance.py page                    the page from what is there

Vela's figures are those of bench/vela_outcomes.csv; `--vela PATH` runs it anew beside npuc. Every part replaces what out/performance.json
held of it. Most of the time goes into the planner with techniques switched off.
"""

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import bounds
import schedules
import vela as vela_bench

from npuc import targets
from npuc.errors import NpucError
from npuc.passes.pipeline import REWRITES
from npuc.plan.options import TECHNIQUES
from npuc.report import calibration, compare, vela
from npuc.report.ledger import CAUSES, USEFUL
from npuc.report.table import escaped

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "out" / "performance.json"
DOCS = ROOT / "docs"

PRESETS = ("u65-512-dram", "u55-256", "u55-128", "u65-512-flash")
OWN = "edge-256"
STUDIED = ("u65-512-dram", OWN)
"""Machines on which techniques are switched off."""

Figures = dict[str, Any]


# measuring -----------------------------------------------------------------------------------------


def measure_compare(program: str | None, presets: Sequence[str], found: Figures) -> Figures:
    """Preset -> comparisons, with npuc's ledger and what is reachable."""
    stored = vela.read_outcomes(vela_bench.OUTCOMES.read_text())
    charges, unknown = calibration.charges(vela.read_csv(vela_bench.LAYERS.read_text()))
    calibrated = None if program else calibration.holds(charges) and not unknown
    for preset in presets:
        rows = found[preset] = []
        for path in vela_bench.networks(None):
            outcomes = compare.tried(vela.find(program), path, preset, None) if program else stored[preset, path.stem]
            one = compare.beside(path, preset, outcomes, calibrated=calibrated)
            row = one.to_dict() | {"modes": None, "calibration": None}
            if not one.ours.error:
                own = bounds.of_tflite(path, targets.get(preset, one.sram_bytes / 1024))
                row |= own.to_dict() | {"ledger": own.found.ledger.to_dict() if own.found.ledger else None}
            rows.append(row)
            print(compare.render([one]).splitlines()[-1].strip(), path.stem, preset, flush=True)
        (DOCS / f"performance-{preset}.svg").write_text(compare.to_svg([_again(row) for row in rows]))
    return found


def _again(row: Figures) -> compare.Comparison:
    """The comparison that a row came from, as far as a picture needs it."""
    sides = {side: compare.Side(**row[side] | {"host_ops": tuple(row[side]["host_ops"])}) for side in ("ours", "theirs")}
    return compare.Comparison(
        row["network"], row["preset"], row["sram_bytes"], **sides, calibration=(), calibrated=row["calibrated"], modes=(), ratio=row["ratio"],
        verdict=row["verdict"],
    )  # fmt: skip


def measure_bounds() -> list[Figures]:
    """Rows of bench/bounds.py on our own machine, ResNet50 last."""
    target, rows = targets.get(OWN), []
    for path in vela_bench.networks(None):
        rows.append(bounds.of_tflite(path, target))
        print(bounds.line(rows[-1]), flush=True)
    rows.append(bounds.of_resnet50(target))
    shares = [share for _, share in bounds.convolution_shares(rows[-1].found)]
    found = [
        row.to_dict() | {"macs": row.found.npu_macs, "fits": row.fits, "ledger": row.found.ledger.to_dict() if row.found.ledger else None} for row in rows
    ]
    found[-1] |= {"convolutions": len(shares), "convolution_share": sum(shares) / len(shares)}
    return found


def measure_techniques() -> Figures:
    """Machine -> technique left out -> network -> cycles; "" is the planner as it is, a number an effort."""
    stored = vela.read_outcomes(vela_bench.OUTCOMES.read_text())
    found: Figures = {}
    for name in STUDIED:
        table = found[name] = {}
        variants: dict[str, tuple[str, ...]] = {"": ("npu-schedule",)} | {f"effort {effort}": (f"npu-schedule{{effort={effort}}}",) for effort in (0, 2, 3)}
        variants |= {technique: (f"npu-schedule{{without={technique}}}",) for technique in TECHNIQUES}
        variants |= {technique: ("npu-schedule", technique) for technique in REWRITES}
        for technique, (planning, *without) in variants.items():
            table[technique] = {}
            # the highest effort plans for a ladder of capacities: that takes minutes for the larger ones
            for path in vela_bench.networks("mlperf" if technique == "effort 3" else None):
                sram_kib = None if name == OWN else compare.capacity(name, stored[name, path.stem][0], None) / 1024
                try:
                    row = bounds.of_tflite(path, targets.get(name, sram_kib), planning, without)
                except NpucError:
                    continue
                table[technique][path.stem] = {"cycles": row.found.cycles, "seconds": row.seconds}
            print(name, technique or "as it is", f"{ratio_mean(table[technique], table['']):.3f}", flush=True)
    return found


def measure_hand() -> list[Figures]:
    """(network, by hand, planned) on our own machine."""
    keys = ("cycles", "network_bound_cycles", "bound_ratio", "peak_sram_bytes", "off_chip_read_bytes", "off_chip_write_bytes")
    return [
        {"network": name, "hand": {key: getattr(hand, key) for key in keys}, "planned": {key: getattr(planned, key) for key in keys}}
        for name, hand, planned in schedules.rows(OWN)
    ]


PARTS: dict[str, Callable[[], Any]] = {"bounds": measure_bounds, "techniques": measure_techniques, "hand": measure_hand}
"""Beside "compare"."""


def ratio_mean(table: Figures, base: Figures) -> float:
    """Geometric mean of cycles over those of `base`, over the networks that both have."""
    logs = [math.log(table[name]["cycles"] / base[name]["cycles"]) for name in base if name in table]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


# the page ------------------------------------------------------------------------------------------


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, its first column to the left."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def kib(size: int) -> str:
    return f"{size / 1024:,.0f}" if size >= 102400 else f"{size / 1024:.1f}"


def geometric(values: Sequence[float]) -> float:
    """Geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def compare_section(found: Figures) -> list[str]:
    lines = ["## Beside Vela", ""]
    summary = []
    for preset, rows in found.items():
        claimed = [row for row in rows if row["ratio"] is not None]
        if not claimed:
            summary.append((f"[`{preset}`](#{preset})", f"0 of {len(rows)}", "-", "-", str(len(rows)), "-"))
            continue
        worst = max(claimed, key=lambda row: row["ratio"])
        reach = geometric([row["reachable_cycles"] / row["theirs"]["cycles"] for row in claimed])
        summary.append((
            f"[`{preset}`](#{preset})", f"{len(claimed)} of {len(rows)}", f"**{geometric([row['ratio'] for row in claimed]):.3f}**",
            f"{worst['ratio']:.3f} ({worst['network']})", str(sum(row["ratio"] > 1 for row in claimed) + len(rows) - len(claimed)), f"{reach:.3f}",
        ))  # fmt: skip
    lines += markdown(("preset", "compared", "npuc / Vela, geometric mean", "worst", "lost", "reachable / Vela"), summary)
    lines += [
        "*Reachable* is what whole ops take in their best blocks with everything in SRAM, or, if that is longer, the compulsory bytes: no bound, and",
        "nothing that small SRAM allows everywhere, but a measure of what is left. A network that does not compile, or where the host would have to",
        "run what Vela runs on the NPU, is lost.", "",
    ]  # fmt: skip
    for preset, rows in found.items():
        lines += [f"### {preset}", "", f"![cycles over the network bound](performance-{preset}.svg)", ""]
        lines += markdown(
            ("network", "SRAM KiB", "Vela's mode", "cycles", "", "ratio", "over bound", "", "MAC %", "", "off-chip KiB", "", "peak KiB", "", "s", "", "MB", ""),
            [_compare_row(row) for row in rows],
        )
        lines += ["Of each pair of figures the first is Vela's.", ""]
    return lines


def _compare_row(row: Figures) -> tuple[str, ...]:
    theirs, ours = row["theirs"], row["ours"]

    def both(text: Callable[[Figures], str]) -> tuple[str, str]:
        return text(theirs), text(ours) if not ours["error"] else "-"

    ratio = "lost" if row["ratio"] is None else f"{row['ratio']:.3f}"
    if row["ratio"] is not None and row["ratio"] > 1:
        ratio = f"**{ratio}**"
    return (
        row["network"], f"{row['sram_bytes'] / 1024:.1f}", theirs["name"].removeprefix("Vela, "), *both(lambda side: f"{side['cycles']:,}"), ratio,
        *both(lambda side: f"{side['bound_ratio']:.2f}" if side["bound_ratio"] else "-"), *both(lambda side: f"{100 * side['mac_utilisation']:.1f}"),
        *both(lambda side: kib(side["off_chip_read_bytes"] + side["off_chip_write_bytes"])), *both(lambda side: kib(side["peak_sram_bytes"])),
        *both(lambda side: f"{side['seconds']:.1f}"), *both(lambda side: f"{side['memory_bytes'] / 1e6:.0f}"),
    )  # fmt: skip


def losses_section(found: Figures) -> list[str]:
    lines = ["## Where we lose, and why", ""]
    lines += [
        "Networks that take more cycles than Vela's best mode, or that are not compiled, and below each the layers that lose the most cycles, with",
        "their two largest causes ([what they mean](machine.md#where-the-cycles-go)). The share is of the network's cycles. Vela reports no latency",
        "for weights that it streams, while a transfer here pays one, and no layer has fewer bytes here than there: a network that is nothing but",
        "weights can hardly be faster.", "",
    ]  # fmt: skip
    any_lost = False
    for preset, rows in found.items():
        for row in rows:
            if row["ratio"] is not None and row["ratio"] <= 1:
                continue
            any_lost = True
            if row["ours"]["error"]:
                why = row["ours"]["error"].strip().splitlines()
                lines.append(f"- `{preset}` **{row['network']}**: {' '.join(part.strip() for part in why)[:300]}")
                continue
            if row["ratio"] is None:
                lines.append(f"- `{preset}` **{row['network']}**: {row['verdict']}")
                continue
            lines.append(f"- `{preset}` **{row['network']}**, {row['ratio']:.3f} of Vela's cycles: {_top_causes(row['ledger']['slots'])}")
            lines += [f"  - {text}" for text in _top_layers(row["ledger"])]
    return [*lines, *([] if any_lost else ["None."]), ""]


def _top_causes(slots: Figures, most: int = 4) -> str:
    total = sum(slots.values())
    chosen = sorted(CAUSES, key=lambda cause: -slots.get(cause, 0))[:most]
    return ", ".join(f"{CAUSES[cause]} {100 * slots[cause] / total:.0f} %" for cause in chosen if slots.get(cause))


def _top_layers(ledger: Figures, most: int = 3) -> list[str]:
    whole = sum(ledger["slots"].values())

    def lost(slots: Figures) -> int:
        return sum(size for cause, size in slots.items() if cause != USEFUL)

    chosen = sorted(ledger["layers"].items(), key=lambda one: -lost(one[1]))[:most]
    return [f"`{name}`, {100 * lost(slots) / whole:.1f} %: {_own_causes(slots)}" for name, slots in chosen]


def _own_causes(slots: Figures) -> str:
    total = sum(slots.values())
    chosen = sorted((cause for cause in slots if cause != USEFUL), key=lambda cause: -slots[cause])[:2]
    return ", ".join(f"{CAUSES[cause]} {100 * slots[cause] / total:.0f} %" for cause in chosen)


def bounds_section(rows: list[Figures]) -> list[str]:
    networks, resnet = rows[:-1], rows[-1]
    large = [row for row in networks if row["macs"] > bounds.SMALL_MACS]
    fitting = [row for row in networks if row["fits"]]
    lines = [f"## {OWN} against its bounds", ""]
    lines += markdown(
        ("network", "cycles", "network bound", "ratio", "reachable", "MAC %", "off-chip KiB", "compulsory", "ratio", "live KiB", "largest layer", "fits"),
        [
            (
                row["network"], f"{row['cycles']:,}", f"{row['network_bound_cycles']:,}", f"{row['bound_ratio']:.3f}", f"{row['reachable_cycles']:,}",
                f"{100 * row['mac_utilisation']:.1f}", kib(row["off_chip_bytes"]), kib(row["compulsory_bytes"]),
                f"{row['off_chip_bytes'] / row['compulsory_bytes']:.3f}", kib(row["live_bytes"]), kib(row["layer_bytes"]),
                "yes" if row["live_bytes"] + row["layer_bytes"] <= 512 * 1024 else "",
            )
            for row in rows
        ],
    )  # fmt: skip
    worst, wasteful = max(large, key=lambda row: row["bound_ratio"]), max(fitting, key=lambda row: row["off_chip_bytes"] / row["compulsory_bytes"])
    difference = max(abs(row["estimate_cycles"] / row["cycles"] - 1) for row in rows)
    lines += [
        f"- Cycles over the network bound, {len(large)} networks above 1 MMAC: geometric mean "
        f"**{geometric([row['bound_ratio'] for row in large]):.3f}**, worst {worst['bound_ratio']:.3f} ({worst['network']}); so on each MAC utilisation is at "
        f"least {100 / worst['bound_ratio']:.0f} % of what the bound allows.",
        f"- Off-chip over compulsory bytes, {len(fitting)} networks that fit: worst {wasteful['off_chip_bytes'] / wasteful['compulsory_bytes']:.3f} "
        f"({wasteful['network']}); bytes are counted in whole bursts of 64.",
        f"- ResNet50: its {resnet['convolutions']} convolutions reach **{100 * resnet['convolution_share']:.1f} %** of the array's peak while they run, each "
        "weighed the same.",
        f"- The planner's estimate differs from the simulated cycles by at most {100 * difference:.2f} %.",
        "",
        "*Fits*: the most that whole feature maps take at one op, in the program's order, and the most that one op reads and writes, parameters",
        "included, together stay within 512 KiB.", "",
        "![where the cycles go](performance-ledger.svg)", "",
    ]  # fmt: skip
    return lines


_LABELS = {
    "fusion": "groups of several ops", "keep": "values that stay in SRAM between groups", "prefetch": "parameters fetched ahead",
    "ahead": "next stripe loaded meanwhile", "direct": "reading off-chip without a copy", "channels_outer": "channels outside stripes",
    "join": "parameter loads that travel together", "ladder": "plans of smaller capacities",
    "drop_channels": "channels that cannot matter taken out", "tabulate": "elementwise ops of one value as a table",
}  # fmt: skip


def techniques_section(found: Figures) -> list[str]:
    lines = ["## What each technique is worth", ""]
    lines += ["Cycles without it over cycles with it, over the networks that compile both ways; `npuc compile --without NAME` does the same.", ""]
    rows = []
    names = list(next(iter(found.values())))
    for name in names:
        if not name:
            continue
        cells = []
        for table in found.values():
            base = table[""]
            ratios = {key: table[name][key]["cycles"] / base[key]["cycles"] for key in base if key in table[name]}
            most = max(ratios, key=lambda key: ratios[key]) if ratios else ""
            missing, why = len(base) - len(ratios), "not measured" if name.startswith("effort") else "do not fit"
            cells += [
                f"{ratio_mean(table[name], base):.3f}",
                (f"{ratios[most]:.2f} ({most})" if most else "-") + (f"; {missing} {why}" if missing else ""),
            ]
        label = f"without `{name}`: {_LABELS.get(name, '')}".rstrip(": ") if not name.startswith("effort") else f"`--{name}`"
        rows.append((label, *cells))
    head = ["", *(text for machine in found for text in (f"`{machine}`, geometric mean", "most"))]
    lines += markdown(head, rows)
    efforts = [effort for effort in ("effort 0", "", "effort 2", "effort 3") if effort in names]
    times = {effort: [one["seconds"] for table in found.values() for one in table[effort].values()] for effort in efforts}
    lines += markdown(
        ("effort", "planning and lowering, processor seconds: median", "most"),
        [((effort or "effort 1, the default").removeprefix("effort "), f"{statistics.median(some):.1f}", f"{max(some):.1f}") for effort, some in times.items()],
    )
    return lines


def hand_section(rows: list[Figures]) -> list[str]:
    lines = ["## Schedules by hand", ""]
    lines += [
        "Two schedules that were [thought out](../bench/schedules/README.md) before anybody looked at the planner's, beside the planner's own, on",
        f"`{OWN}`: `python bench/schedules.py`.", "",
    ]  # fmt: skip
    lines += markdown(
        ("network", "bound", "by hand", "over bound", "planner", "over bound", "planner / hand", "SRAM KiB by hand", "planner"),
        [
            (
                row["network"], f"{row['hand']['network_bound_cycles']:,}", f"{row['hand']['cycles']:,}", f"{row['hand']['bound_ratio']:.3f}",
                f"{row['planned']['cycles']:,}", f"{row['planned']['bound_ratio']:.3f}", f"**{row['planned']['cycles'] / row['hand']['cycles']:.3f}**",
                kib(row["hand"]["peak_sram_bytes"]), kib(row["planned"]["peak_sram_bytes"]),
            )
            for row in rows
        ],
    )  # fmt: skip
    return lines


INTRODUCTION = """\
# Performance

Every figure on this page comes from `make performance`, which measures and writes it anew. The simulator is exact in cycles and does not
depend on data; seconds and megabytes are of whichever computer ran it, start of the process included.

How the comparison is made fair stands in [the machine](machine.md#the-parity-presets): on a parity preset no command costs less than the
estimator of Vela charges for the same work, which `python bench/vela.py calibration` shows and a test holds. Vela is taken in its best mode
that stays within the SRAM: 384 KiB on `u65-512-dram`, on the others what its default uses, at least 16 KiB.
"""


def page(found: Figures) -> str:
    """docs/performance.md."""
    lines = [INTRODUCTION]
    if "compare" in found:
        lines += compare_section(found["compare"]) + losses_section(found["compare"])
    if "bounds" in found:
        lines += bounds_section(found["bounds"])
    if "techniques" in found:
        lines += techniques_section(found["techniques"])
    if "hand" in found:
        lines += hand_section(found["hand"])
    return "\n".join(lines).rstrip() + "\n"


_COLOURS = {
    "useful": "#3d8b4f", "edges": "#e3b341", "depthwise": "#d98c2b", "wide": "#b5651d", "output": "#f0d58c", "vector": "#4e79a7",
    "fill": "#b07aa1", "sram_port": "#76b7b2", "off_chip_port": "#3b8f8a", "shared_ports": "#a8d5d0", "weights": "#c44e52", "dma": "#e58a8c",
    "synchronization": "#7d5fa8", "again": "#9c755f",
}  # fmt: skip


def ledger_svg(rows: list[Figures]) -> str:
    """A stacked bar a network."""
    width, left, row_height = 900, 270, 24
    used = [cause for cause in (USEFUL, *CAUSES) if any(row["ledger"]["slots"][cause] for row in rows)]
    top = 40 + (len(used) + 4) // 5 * 18
    height = top + len(rows) * row_height + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="15" fill="#222222">{OWN}: where the cycles go</text>',
    ]
    for number, cause in enumerate(used):
        x, y = 12 + number % 5 * 176, 38 + number // 5 * 18
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{_COLOURS[cause]}"/>')
        parts.append(f'<text x="{x + 18}" y="{y + 11}" fill="#222222">{CAUSES.get(cause, cause)}</text>')
    for number, row in enumerate(rows):
        y, x, slots = top + number * row_height, float(left), row["ledger"]["slots"]
        parts.append(f'<text x="{left - 10}" y="{y + 14}" text-anchor="end" fill="#222222">{escaped(row["network"])}</text>')
        for cause in used:
            size = slots[cause] / sum(slots.values()) * (width - left - 12)
            if size >= 0.05:
                title = f"{CAUSES.get(cause, cause)}: {100 * slots[cause] / sum(slots.values()):.1f} %"
                parts.append(f'<rect x="{x:.2f}" y="{y}" width="{size:.2f}" height="18" fill="{_COLOURS[cause]}"><title>{title}</title></rect>')
            x += size
    return "\n".join([*parts, "</svg>\n"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("all", "measure", "page"), default="all")
    parser.add_argument("--part", nargs="+", choices=("compare", *PARTS), default=("compare", *PARTS))
    parser.add_argument("--preset", nargs="+", choices=PRESETS, default=PRESETS, help="of the comparison; the others keep what was measured")
    parser.add_argument("--vela", metavar="PATH", help="run this Vela instead of reading bench/vela_outcomes.csv")
    options = parser.parse_args()
    found: Figures = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    if options.what != "page":
        FIGURES.parent.mkdir(exist_ok=True)
        for part in options.part:
            found[part] = measure_compare(options.vela, options.preset, found.get(part, {})) if part == "compare" else PARTS[part]()
            FIGURES.write_text(json.dumps(found, indent=1) + "\n")
    if options.what != "measure":
        if not found:
            print(f"there are no figures in {FIGURES}: python bench/performance.py measure", file=sys.stderr)
            return 1
        (DOCS / "performance.md").write_text(page(found))
        if "bounds" in found:
            (DOCS / "performance-ledger.svg").write_text(ledger_svg(found["bounds"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
