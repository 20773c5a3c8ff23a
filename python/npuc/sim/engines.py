# SPDX-License-Identifier: Apache-2.0
"""Who computes: numpy (the truth) or the native engine (fast), one interface. See `npuc.numerics.kernels` and `npuc.sim.native`.

auto      native where it is built, else numpy
numpy     one command after the other, by its own `effect`
native    all commands of a segment in one native call
compare   both, command by command; the first difference is an error. For debugging
"""

import importlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from npuc.errors import UserInputError
from npuc.isa.base import Command
from npuc.numerics import kernels
from npuc.sim import machine
from npuc.sim.native import NativeSegment

log = logging.getLogger("npuc")

NAMES = ("auto", "numpy", "native", "compare")


def get(name: str = "auto") -> Any:
    """The kernel namespace of an engine; `auto` is native where it is built, else numpy.

    Raises:
        UserInputError: no such engine, or native was asked for and is not built.
    """
    if name not in NAMES:
        raise UserInputError(f"there is no engine '{name}'", found=name, wanted=", ".join(NAMES))
    if name == "numpy":
        return kernels
    try:
        return importlib.import_module("npuc._native")
    except ImportError as error:
        if name != "auto":
            raise UserInputError(
                "the native engine is not built", found=str(error), advice="build the package (pip install .), or use engine='numpy'"
            ) from error
        log.info("the native engine is not built; simulating with numpy, which gives the same values and takes longer")
        return kernels


class NumpySegment:
    """The commands of an NPU segment, each with its own `effect`; stands for `NativeSegment` where that is not wanted."""

    # a command may write anywhere: nobody has looked
    keeps_constants = False

    def __init__(self, commands: Sequence[Command], order: Sequence[int]):
        self.commands, self.order = commands, order

    def run(self, memory: machine.Memories) -> None:
        """Execute every command on `memory`, in place."""
        machine.run(self.commands, memory, kernels, self.order)


def segment(
    name: str, commands: Sequence[Command], order: Sequence[int], sram_bytes: int, dram_bytes: int, constant_bytes: int
) -> tuple[Callable[[machine.Memories], None], bool]:
    """How engine `name` executes a segment: a function on the memories, and whether it leaves the constants as they are.

    Args:
        order: a legal order of the commands.
        constant_bytes: how much of DRAM, from address 0 on, is the same at the start of every run.

    Raises:
        UserInputError: as `get`.
    """
    if not hasattr(get(name), "Plan"):
        plain = NumpySegment(commands, order)
        return plain.run, plain.keeps_constants
    native = NativeSegment(commands, order, sram_bytes, dram_bytes, constant_bytes)
    return native.compare if name == "compare" else native.run, native.keeps_constants
