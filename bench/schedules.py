# SPDX-License-Identifier: Apache-2.0
"""Schedules written by hand against the planner's, on the same simulator.

    python bench/schedules.py                    both, on edge-256

bench/schedules/*.json were thought out before anybody looked at what the planner makes of these networks, from the machine's figures
alone; README.md beside them has the reasoning. `npuc compile --schedule` replays such a file.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test"))

from torch_mlir import ir  # noqa: E402

from npuc import dialects, targets  # noqa: E402
from npuc.compiler import encode, lower  # noqa: E402
from npuc.report.profile import Profile, profile  # noqa: E402
from npuc.report.table import count, kib  # noqa: E402
from samples import blocks  # noqa: E402

NETWORKS = {"mobilenet_v2_block": blocks.mobilenet_v2_block, "resnet50_stage": blocks.resnet50_stage}


def timed(name: str, target: str, schedule: Path | None) -> Profile:
    """The profile of a network by the schedule of a file, or by the planner's own."""
    machine = targets.get(target)
    with dialects.new_context(), ir.Location.unknown():
        module = NETWORKS[name]()
        lower(module, machine, schedule=None if schedule is None else str(schedule))
        return profile(encode(module, machine, metadata={"name": name}))


def rows(target: str) -> list[tuple[str, Profile, Profile]]:
    """(network, by hand, planned)."""
    return [(name, timed(name, target, ROOT / "bench" / "schedules" / f"{name}.json"), timed(name, target, None)) for name in NETWORKS]


def table(found: list[tuple[str, Profile, Profile]]) -> str:
    """Aligned columns."""
    lines = [f"{'network':<22}{'bound':>12}{'by hand':>12}{'ratio':>8}{'planner':>12}{'ratio':>8}{'planner/hand':>14}{'SRAM KiB':>18}{'off-chip KiB':>18}"]
    for name, hand, planned in found:
        sram = f"{kib(hand.peak_sram_bytes)} / {kib(planned.peak_sram_bytes)}"
        off_chip = " / ".join(kib(one.off_chip_read_bytes + one.off_chip_write_bytes) for one in (hand, planned))
        lines.append(
            f"{name:<22}{count(hand.network_bound_cycles):>12}{count(hand.cycles):>12}{hand.bound_ratio:>8.3f}{count(planned.cycles):>12}"
            f"{planned.bound_ratio:>8.3f}{planned.cycles / hand.cycles:>14.3f}{sram:>18}{off_chip:>18}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="edge-256")
    print(table(rows(parser.parse_args().target)))


if __name__ == "__main__":
    main()
