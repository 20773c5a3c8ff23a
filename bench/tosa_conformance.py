# SPDX-License-Identifier: Apache-2.0
"""TOSA's own test cases, by npuc's interpreter and simulator, against TOSA's reference model.

    python bench/tosa_conformance.py --sample 200                      a random seed, printed
    python bench/tosa_conformance.py --seed 11 --seed 12               all cases of two seeds
    python bench/tosa_conformance.py --seed 11 --extension tosa-ext-int16 tosa-ext-doubleround
    python bench/tosa_conformance.py --seed 11 --negative              cases that must be refused

Prints a table by op group (cases, exact, of those on the NPU, refused by rule, wrong, crashed) and one of the refusals by rule. Every
case is imported, converted and interpreted; unless --no-simulate, it is also compiled for a machine that the seed chooses and run on
the simulator. Exit status 1 where anything is wrong or crashed, or where a negative case is taken.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test"))

from samples import tosa_cases  # noqa: E402

# Cases that a set of processes does before another takes its place: contexts and modules of MLIR come to an end with it.
_CASES_A_POOL = 200


def main() -> int:
    options = _options()
    tools = tosa_cases.find_tools()
    if tools is None:
        print("the programs of tosa-tools are not installed: run this by `make tosa`, or name their folder in NPUC_TOSA_TOOLS")
        return 1
    outcomes: list[tosa_cases.Outcome] = []
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        for seed in options.seed or [random.SystemRandom().randrange(1 << 31)]:
            print(f"seed {seed}, extensions {' '.join(options.extension)}, dtypes {' '.join(options.dtype)}", flush=True)
            folder = (options.folder or Path(scratch)).resolve() / _label(options, seed)
            folder.parent.mkdir(parents=True, exist_ok=True)
            cases = tosa_cases.generate(
                tools, folder, seed, dtypes=tuple(options.dtype), extensions=tuple(options.extension), pattern=options.filter,
                negative=options.negative,
            )  # fmt: skip
            chosen = cases if options.sample is None else random.Random(seed).sample(cases, min(options.sample, len(cases)))
            outcomes += _run(tools, chosen, seed, options)
    print(*_report(outcomes), sep="\n")
    print(f"{len(outcomes)} cases in {time.perf_counter() - start:.0f} s")
    bad = {"crashed", "exact", "wrong", "no result"} if options.negative else {"crashed", "wrong"}
    return int(any(outcome.verdict in bad for outcome in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="TOSA's own test cases against TOSA's reference model.")
    parser.add_argument("--seed", type=int, action="append", help="of the generator; may be repeated (default: one at random, printed)")
    parser.add_argument("--extension", nargs="+", default=["none"], metavar="NAME", help="TOSA extensions (default none)")
    parser.add_argument("--dtype", nargs="+", default=["int8"], metavar="NAME", help="element types in the generator's words (default int8)")
    parser.add_argument("--filter", default="", metavar="REGEX", help="these ops alone")
    parser.add_argument("--sample", type=int, metavar="N", help="this many cases of a seed, chosen by it, instead of all")
    parser.add_argument("--negative", action="store_true", help="cases that must be refused")
    parser.add_argument("--no-simulate", action="store_true", help="interpret alone")
    parser.add_argument(
        "--target", nargs="+", default=list(tosa_cases.TARGETS), metavar="NAME", help=f"machines (default {' '.join(tosa_cases.TARGETS)})"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keeps the generated cases, and uses them again (default: a temporary one)")
    return parser.parse_args()


def _label(options: argparse.Namespace, seed: int) -> str:
    words = [f"seed{seed}", *options.dtype, *options.extension, *(["negative"] if options.negative else []), *filter(None, [options.filter])]
    return "".join(letter if letter.isalnum() else "_" for letter in "-".join(words))


def _run(
    tools: tosa_cases.Tools, cases: list[tosa_cases.Case], seed: int, options: argparse.Namespace
) -> Iterator[tosa_cases.Outcome]:
    """Each case in a worker; one that brings its process down has crashed, and the rest goes on in another."""
    pending = list(cases)
    how = {"simulate": not options.no_simulate, "targets": tuple(options.target), "seed": seed}
    while pending:
        batch = pending[:_CASES_A_POOL]
        with ProcessPoolExecutor(options.workers) as pool:
            jobs = [pool.submit(tosa_cases.check, tools, case, **how) for case in batch]
            done = 0
            try:
                for job in jobs:
                    yield _told(job.result())
                    done += 1
            except BrokenProcessPool:
                yield _told(tosa_cases.Outcome(batch[done], "crashed", "", "the process died"))
                done += 1
        pending = pending[done:]


def _told(outcome: tosa_cases.Outcome) -> tosa_cases.Outcome:
    """What must not happen is printed at once, with the case."""
    if outcome.verdict in ("wrong", "crashed", "no result"):
        print(f"{outcome.verdict}: {outcome.case.group}/{outcome.case.name}: {outcome.detail}", flush=True)
    return outcome


def _report(outcomes: Iterable[tosa_cases.Outcome]) -> Iterator[str]:
    groups: dict[str, list[tosa_cases.Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.case.group].append(outcome)
    verdicts = ("exact", "refused", "wrong", "crashed", "no result", "lost")
    yield f"{'group':<26}{'cases':>7}{'exact':>7}{'on NPU':>8}" + "".join(f"{name:>10}" for name in verdicts[1:]) + f"{'exact %':>9}"
    everything = [outcome for members in groups.values() for outcome in members]
    for name, members in [*sorted(groups.items()), ("all", everything)]:
        counts = Counter(outcome.verdict for outcome in members)
        on_npu = sum(outcome.on_npu for outcome in members)
        share = 100 * counts["exact"] / max(1, len(members))
        yield f"{name:<26}{len(members):>7}{counts['exact']:>7}{on_npu:>8}" + "".join(f"{counts[one]:>10}" for one in verdicts[1:]) + f"{share:>9.1f}"
    rules = Counter((outcome.rule, outcome.case.group) for outcome in everything if outcome.verdict == "refused")
    if rules:
        yield "refusals by rule"
        for (rule, group), count in rules.most_common():
            yield f"{count:>7}  {group}: {rule}"


if __name__ == "__main__":
    sys.exit(main())
