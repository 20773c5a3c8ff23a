# SPDX-License-Identifier: Apache-2.0
"""Which module a seed and a number stand for, on which machine; and how one fares."""

import importlib.util
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc import dialects, targets
from npuc.errors import UnsupportedOp
from npuc.fuzz.check import Failure, Outcome, Seen, check
from npuc.fuzz.npu import random_network
from npuc.fuzz.tosa import random_module as random_tosa
from npuc.targets.base import Target

# One module in twenty comes from PyTorch, three from TOSA, the others are npu ops.
_PERIOD = 20
_KINDS = {0: "torch", 5: "tosa", 10: "tosa", 15: "tosa"}
# Half of all modules run in less SRAM than the machine has, down to the absurd; in KiB, a power of two of the size on average.
_SMALL_SRAM = 0.5
_LEAST_SRAM_KIB, _MOST_SRAM_KIB = 2, 256


@dataclass(frozen=True)
class Module:
    """One case.

    Attributes:
        kind: npu, tosa or torch: the front door that it comes through.
        text: the module, with locations.
        target, sram_kib: the machine; None for its own capacity.
    """

    kind: str
    text: str
    target: str
    sram_kib: int | None

    @property
    def machine(self) -> Target:
        return targets.get(self.target, self.sram_kib)


def kind_of(index: int) -> str:
    """The front door of a module."""
    return _KINDS.get(index % _PERIOD, "npu")


def has_torch() -> bool:
    """Whether modules from PyTorch can be made here."""
    return importlib.util.find_spec("torch") is not None and importlib.util.find_spec("torchao") is not None


def module(seed: int, index: int) -> Module:
    """The module that these two numbers stand for; a context is entered."""
    rng = np.random.default_rng([seed, index])
    target = str(rng.choice(targets.names()))
    sram_kib = int(2 ** rng.uniform(np.log2(_LEAST_SRAM_KIB), np.log2(_MOST_SRAM_KIB))) if rng.random() < _SMALL_SRAM else None
    kind = kind_of(index)
    if kind == "torch":
        from npuc.fuzz.torch import random_module as random_torch

        return Module(kind, random_torch(rng), target, sram_kib)
    made = random_tosa(rng) if kind == "tosa" else random_network(rng)
    return Module(kind, made.operation.get_asm(enable_debug_info=True), target, sram_kib)


# in a child process ----------------------------------------------------------------------------------


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """Checks the module of {"seed", "index"}, or a given one: {"text", "target", "sram_kib", "seed"}."""
    with dialects.new_context(), ir.Location.unknown():
        return _answer(case)


def _answer(case: dict[str, Any]) -> dict[str, Any]:
    if "text" in case:
        machine = targets.get(case["target"], case["sram_kib"])
        return _plain(check(case["text"], machine, case["seed"]))
    if kind_of(case["index"]) == "torch" and not has_torch():
        return {"skipped": "torch"}
    try:
        made = module(case["seed"], case["index"])
    except UnsupportedOp as error:
        return _plain(Outcome(Seen(), refused=error.rule or error.message))
    except Exception as error:
        # drawing is ours, quantizing and importing are the compiler's front door: either is a defect
        return _plain(Outcome(Seen(), failure=Failure(f"{type(error).__name__} at the front door", f"{type(error).__name__}: {error}")))
    return _plain(check(made.text, made.machine, case["seed"]))


def _plain(outcome: Outcome) -> dict[str, Any]:
    seen = outcome.seen
    counts = {name: dict(getattr(seen, name)) for name in ("npu", "host", "structure", "instructions", "passes")}
    rewrites = [[*rewrite, count] for rewrite, count in seen.rewrites.items()]
    failure = asdict(outcome.failure) if outcome.failure else None
    return {"refused": outcome.refused, "failure": failure, "seen": counts, "rewrites": rewrites}
