# SPDX-License-Identifier: Apache-2.0
"""How near placements come to the bound: public hard instances of memory allocation, and generated ones of their size and tightness.

    python bench/placement.py                               the 11 of ../shared/baselines/minimalloc, and 8 generated ones
    python bench/placement.py one.csv --top 1048576 --generated 0 --looks 20000000 --cp-sat 60

An instance is a file of `id,lower,upper,size`: a buffer lives from lower up to, not including, upper. Generated ones are cut from a full
rectangle (seeded), so that each fits in its live bound with nothing to spare. For each: buffers, live bound over the top, what the planner's
first fit reaches, whether the complete search finds a placement below the top, how many buffers it looked at, and its CPU seconds. With
--cp-sat the other solver too, within that much deterministic time. Every placement found is verified.
"""

import argparse
import csv
import random
import re
import sys
import time
from pathlib import Path

from npuc.plan import solver
from npuc.plan.pack import Lifetime, Packing, pack
from npuc.plan.place import check_placement, live_bound, place

ROOT = Path(__file__).resolve().parents[1]
INSTANCES = ROOT.parent / "shared/baselines/minimalloc"
TOP_BYTES = 1 << 20


def read(path: Path) -> list[Lifetime]:
    """The buffers of a file."""
    with path.open(newline="") as file:
        return [(int(row["size"]), int(row["lower"]), int(row["upper"]) - 1) for row in csv.DictReader(file)]


def top_of(path: Path) -> int:
    """The top that a file's name tells of, as in `A.1048576.csv`."""
    found = re.search(r"\.(\d+)$", path.stem)
    return int(found[1]) if found else TOP_BYTES


def generated(seed: int, count: int, top_bytes: int = TOP_BYTES, unit: int = 1024, positions: int = 1000) -> list[Lifetime]:
    """`count` buffers that fill `positions` x `top_bytes` without a gap: the largest of a few pieces is cut in two, in time or in space."""
    chance = random.Random(seed)
    pieces = [(0, positions, 0, top_bytes // unit)]
    while len(pieces) < count:
        at = max(
            chance.sample(range(len(pieces)), min(3, len(pieces))),
            key=lambda i: (pieces[i][1] - pieces[i][0]) * (pieces[i][3] - pieces[i][2]),
        )
        start, stop, low, high = pieces[at]
        in_time = chance.random() < 0.6
        least, most = (start, stop) if in_time else (low, high)
        if most - least < 2:
            continue
        cut = chance.randrange(least + 1, most)
        pieces[at] = (start, cut, low, high) if in_time else (start, stop, low, cut)
        pieces.append((cut, stop, low, high) if in_time else (start, stop, cut, high))
    chance.shuffle(pieces)
    return [((high - low) * unit, start, stop - 1) for start, stop, low, high in pieces]


def verdict(buffers: list[Lifetime], top_bytes: int, found: Packing | None) -> str:
    """What a solver says, its placement checked."""
    if found is None or not (found.offsets or found.impossible):
        return "not found"
    if found.impossible:
        return "impossible"
    wrong = check_placement(buffers, found.offsets, top_bytes)
    if wrong:
        sys.exit(f"error: a wrong placement: {wrong}")
    return "found"


def measure(name: str, buffers: list[Lifetime], top_bytes: int, looks: int, cp_sat: float) -> bool:
    """Print one line; whether a placement was found."""
    first = place(buffers, 0).peak_bytes
    start = time.process_time()
    found = pack(buffers, top_bytes, looks)
    seconds = time.process_time() - start
    said = verdict(buffers, top_bytes, found)
    line = f"{name:<16}{len(buffers):>8}{live_bound(buffers) / top_bytes:>8.3f}{first / top_bytes:>10.3f}  {said:<12}{found.looks:>13,}{seconds:>9.2f}"
    if cp_sat:
        start = time.process_time()
        line += f"  {verdict(buffers, top_bytes, solver.solve(buffers, top_bytes, cp_sat)):<12}{time.process_time() - start:>8.1f}"
    print(line, flush=True)
    return said == "found"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="instances (default: the public ones)")
    parser.add_argument("--top", type=int, help="bytes to fit in (default: what the file's name says, else 1 MiB)")
    parser.add_argument("--generated", type=int, default=8, help="how many generated instances, seeds 0, 1, ...")
    parser.add_argument("--looks", type=int, default=200_000_000, help="buffers that the search may look at")
    parser.add_argument("--cp-sat", type=float, default=0.0, help="deterministic time for CP-SAT; 0: leave it out")
    options = parser.parse_args()
    print(
        f"{'instance':<16}{'buffers':>8}{'bound':>8}{'first fit':>10}  {'search':<12}{'looks':>13}{'seconds':>9}"
        + ("  CP-SAT       seconds" if options.cp_sat else "")
    )
    files = options.files or sorted(INSTANCES.glob("*.csv"))
    results = [measure(path.stem, read(path), options.top or top_of(path), options.looks, options.cp_sat) for path in files]
    for seed in range(options.generated):
        count = 150 + 300 * seed // max(options.generated - 1, 1)
        results.append(measure(f"generated {seed}", generated(seed, count), TOP_BYTES, options.looks, options.cp_sat))
    print(f"{sum(results)} of {len(results)} found")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
