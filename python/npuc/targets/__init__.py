# SPDX-License-Identifier: Apache-2.0
"""The machines: one file each, found by walking this folder."""

import importlib
import pkgutil

from npuc.errors import TargetUnknown
from npuc.targets.base import Target

_NO_MACHINES = {"base"}


# addresses have 32 bits
MAX_SRAM_KIB = 1 << 22


def names() -> tuple[str, ...]:
    """Names of every described machine, sorted."""
    return tuple(sorted(_all()))


def get(name: str, sram_kib: float | None = None) -> Target:
    """The machine called `name`, with its SRAM capacity replaced where `sram_kib` says so, in KiB; a fraction is a number of bytes too.

    Raises:
        TargetUnknown: no such machine.
    """
    machines = _all()
    if name not in machines:
        raise TargetUnknown(
            f"there is no target '{name}'",
            found=name,
            wanted=", ".join(sorted(machines)),
            advice="run `npuc targets` for a description of each",
        )
    machine = machines[name]
    if sram_kib is None:
        return machine
    number = isinstance(sram_kib, int | float) and not isinstance(sram_kib, bool)
    if not number or not 1 <= sram_kib <= MAX_SRAM_KIB or sram_kib * 1024 != int(sram_kib * 1024):
        raise TargetUnknown("the SRAM capacity is not usable", found=f"{sram_kib!r} KiB", wanted=f"whole bytes, 1 .. {MAX_SRAM_KIB} KiB")
    return machine.with_sram(int(sram_kib * 1024))


def _all() -> dict[str, Target]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name in _NO_MACHINES:
            continue
        machine = importlib.import_module(f"{__name__}.{info.name}").TARGET
        found[machine.name] = machine
    return found
