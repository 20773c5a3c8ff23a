# SPDX-License-Identifier: Apache-2.0
"""Placement by OR-tools' CP-SAT, where it is installed (`pip install npuc[schedule]`): the other exact solver beside `npuc.plan.pack`.

One worker, a fixed seed and a limit of deterministic time: the same answer in every run.
"""

import importlib.util
import math
from collections.abc import Sequence

from npuc.plan.pack import Lifetime, Packing


def available() -> bool:
    """Whether ortools is installed."""
    return importlib.util.find_spec("ortools") is not None


def solve(buffers: Sequence[Lifetime], top_bytes: int, time: float) -> Packing | None:
    """Offsets of `buffers` below `top_bytes`, or that there are none; None where the solver is missing or `time` did not suffice.

    Args:
        time: in units of CP-SAT's deterministic time, near a second each.
    """
    if not available() or not buffers or top_bytes < max(size for size, _, _ in buffers):
        return None
    from ortools.sat.python import cp_model

    unit = math.gcd(*(size for size, _, _ in buffers))
    top = top_bytes // unit
    model = cp_model.CpModel()
    offsets = [model.new_int_var(0, top - size // unit, "") for size, _, _ in buffers]
    lives = [model.new_fixed_size_interval_var(first, last + 1 - first, "") for _, first, last in buffers]
    spaces = [model.new_fixed_size_interval_var(offset, size // unit, "") for offset, (size, _, _) in zip(offsets, buffers, strict=True)]
    model.add_no_overlap_2d(lives, spaces)
    search = cp_model.CpSolver()
    search.parameters.num_workers = 1
    search.parameters.random_seed = 0
    search.parameters.max_deterministic_time = time
    status = search.solve(model)
    if status == cp_model.INFEASIBLE:
        return Packing((), True, 0)
    if status not in (cp_model.FEASIBLE, cp_model.OPTIMAL):
        return None
    return Packing(tuple(search.value(offset) * unit for offset in offsets), False, 0)
