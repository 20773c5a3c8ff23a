# SPDX-License-Identifier: Apache-2.0
"""What a search found: figures, failures, and how often each op, instruction and pattern had its turn."""

import functools
import io
import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from npuc import dialects
from npuc.dialects.npu.dialect import Npu
from npuc.passes._rewrites import Rewrite

# Fewer than this in a long search is a gap.
WANTED = 100
_WANTED_GRAPHS = 10_000


@dataclass(frozen=True)
class Found:
    """One failure, made small.

    Attributes:
        index: number of the module.
        kind: error class and stage.
        message: the error of the small module.
        module, inputs: files.
        replay: the command that shows it again.
    """

    index: int
    kind: str
    message: str
    module: str
    inputs: str
    replay: str

    def __str__(self) -> str:
        first = "\n  ".join(self.message.splitlines())
        return f"graph {self.index}: {first}\n  module: {self.module}\n  inputs: {self.inputs}\n  replay: {self.replay}"


@dataclass
class Report:
    """A search so far.

    Attributes:
        refused: rule -> modules that some layer did not fit, or that a front door refused.
        skipped: front door -> modules that could not be made here.
        sizes: ops of each module.
        ops: op -> how many ran on the NPU, on the host; ops without a meaning of their own under `structure`.
    """

    seed: int
    graphs: int = 0
    exact: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[Found] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    npu: Counter[str] = field(default_factory=Counter)
    host: Counter[str] = field(default_factory=Counter)
    structure: Counter[str] = field(default_factory=Counter)
    instructions: Counter[str] = field(default_factory=Counter)
    passes: Counter[str] = field(default_factory=Counter)
    rewrites: Counter[Rewrite] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, answer: dict[str, Any]) -> None:
        """Counts one module; failures are added by who made them small."""
        if "skipped" in answer:
            self.skipped[answer["skipped"]] += 1
            return
        self.graphs += 1
        if "died" in answer:
            return
        for name, counts in answer["seen"].items():
            getattr(self, name).update(counts)
        for pass_name, pattern, op, count in answer["rewrites"]:
            self.rewrites[Rewrite(pass_name, pattern, op)] += count
        self.sizes.append(sum(answer["seen"]["npu"].values()) + sum(answer["seen"]["host"].values()))
        if answer["refused"]:
            self.refused[answer["refused"]] += 1
        elif answer["failure"] is None:
            self.exact += 1

    @property
    def median_ops(self) -> float:
        return statistics.median(self.sizes) if self.sizes else 0

    def headline(self) -> str:
        """The figures in one line."""
        words = [f"{self.graphs:,} graphs of seed {self.seed}", f"{self.exact:,} exact", f"{sum(self.refused.values()):,} refused"]
        words += [f"{len(self.failures):,} failed", f"median {self.median_ops:g} ops", f"{self.seconds:,.0f} s"]
        words += [f"{count:,} not made: {door} is not installed" for door, count in self.skipped.items()]
        return ", ".join(words)

    def notes(self) -> list[str]:
        """What is refused, by rule, and what had its turn too seldom; a line each."""
        lines = [f"refused {count:,}: {rule}" for rule, count in self.refused.most_common()]
        gaps = self.gaps()
        return lines + ([f"fewer than {WANTED} in {_WANTED_GRAPHS:,}: {'; '.join(gaps)}"] if gaps else [])

    def gaps(self) -> list[str]:
        """What had its turn fewer than 100 times in a search of 10,000 modules, as many times fewer in a shorter one."""
        wanted = WANTED * min(1.0, self.graphs / _WANTED_GRAPHS)
        found = [f"op {name}" for name in _ops() if self.npu[name] + self.host[name] + self.structure[name] < wanted]
        return found + [" ".join(rewrite) for rewrite, count in sorted(self.rewrites.items()) if count < wanted]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seed": self.seed, "graphs": self.graphs, "exact": self.exact, "refused": dict(self.refused), "skipped": dict(self.skipped),
            "failures": [vars(found) for found in self.failures], "median_ops": self.median_ops, "seconds": self.seconds,
            "ops": {name: {"npu": self.npu[name], "host": self.host[name], "structure": self.structure[name]} for name in _ops()},
            "instructions": dict(sorted(self.instructions.items())), "passes": dict(sorted(self.passes.items())),
            "rewrites": [{**rewrite._asdict(), "fired": count} for rewrite, count in sorted(self.rewrites.items())], "gaps": self.gaps(),
        }  # fmt: skip

    def table(self, width: int) -> str:
        """Coverage for a terminal: ops, instructions, passes and patterns."""
        from rich.columns import Columns
        from rich.console import Console
        from rich.table import Table

        def column(title: str, *headers: str) -> Table:
            made = Table(title=title, box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left", title_style="bold")
            made.add_column(headers[0], no_wrap=True)
            for header in headers[1:]:
                made.add_column(header, justify="right", no_wrap=True)
            return made

        ops = column("ops", "op", "NPU", "host")
        for name in _ops():
            ops.add_row(name, f"{self.npu[name] or self.structure[name]:,}", f"{self.host[name]:,}")
        commands = column("instructions", "instruction", "commands")
        for name, count in sorted(self.instructions.items()):
            commands.add_row(name, f"{count:,}")
        passes = column("passes", "pass", "changed")
        for name, count in sorted(self.passes.items()):
            passes.add_row(name, f"{count:,}")
        rewrites = column("patterns", "pass", "pattern", "fired")
        for rewrite, count in sorted(self.rewrites.items()):
            rewrites.add_row(rewrite.pass_name, f"{rewrite.pattern} at {rewrite.op}", f"{count:,}")
        out = io.StringIO()
        console = Console(file=out, width=width, force_terminal=False, legacy_windows=False, highlight=False, emoji=False)
        console.print(Columns([ops, commands, passes], padding=(0, 4)))
        console.print()
        console.print(rewrites)
        return out.getvalue().rstrip()


@functools.cache
def _ops() -> tuple[str, ...]:
    """Every op of the dialect."""
    dialects.new_context()
    return tuple(sorted(op._op_name for op in Npu.operations))
