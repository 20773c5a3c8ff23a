# SPDX-License-Identifier: Apache-2.0
"""A segment's commands in one native call: flattened to numbers when the program is loaded, executed by `npuc._native.Plan`.

The native engine knows instructions by the names of their fields. A command with a field it does not know runs natively only where
that field has its neutral default; any other, and any command that the native engine finds unsound, gets its effect from its own
`effect` in numpy, in its place in the order. Such commands are named at debug level.
"""

import functools
import itertools
import logging
import struct
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from npuc.errors import NpucError, SimulationError
from npuc.isa.base import OPERAND_NUMBERS, Command, DType, Instruction, Operand, Space
from npuc.isa.sync import Signal, Wait
from npuc.native import module
from npuc.numerics import kernels
from npuc.sim.machine import Memories, execute
from npuc.sim.order import describe

log = logging.getLogger("npuc")

# what no instruction is: the native engine leaves it to us
_UNKNOWN = -1


class _Form(NamedTuple):
    """How commands of one class are flattened.

    Attributes:
        head: opcode and count of numbers, packed.
        operands: gives the operands in the native engine's order.
        scalars: gives the scalars in the native engine's order.
        scalars_format: packs them.
        neutral: fields that the native engine has not heard of, with the value under which they change nothing.
    """

    head: bytes
    operands: Callable[[Instruction], Sequence[Operand]]
    scalars: Callable[[Instruction], Sequence[int]]
    scalars_format: struct.Struct
    neutral: tuple[tuple[str, Any], ...]


def _getter(names: Sequence[str]) -> Callable[[Instruction], Sequence[Any]]:
    """Always a tuple, whatever the number of names."""
    if not names:
        return lambda instruction: ()
    if len(names) == 1:
        return lambda instruction: (getattr(instruction, names[0]),)
    return attrgetter(*names)


@functools.cache
def _form(cls: type[Instruction]) -> _Form | None:
    """None for a class that the native engine does not know."""
    known = module().layouts().get(cls.mnemonic)
    if known is None or known[0] != cls.opcode:
        return None
    _, operands, scalars, unread = known
    own = {item.name: item for item in fields(cls)}
    if not own.keys() >= {*operands, *scalars}:
        return None
    strange = [item for name, item in own.items() if name not in {*operands, *scalars, *unread}]
    if any("operand" not in item.metadata and item.default is MISSING for item in strange):
        return None
    neutral = tuple((item.name, Operand.absent() if "operand" in item.metadata else item.default) for item in strange)
    size = len(operands) * OPERAND_NUMBERS + len(scalars)
    return _Form(_packed(cls.opcode, size), _getter(operands), _getter(scalars), struct.Struct(f"={len(scalars)}q"), neutral)


def _descriptor(instruction: Instruction) -> bytes | None:
    """The descriptor of one command; None where the native engine cannot run it."""
    form = _form(type(instruction))
    if form is None or any(getattr(instruction, name) != value for name, value in form.neutral):
        return None
    operands = form.operands(instruction)
    if DType.UI8 in [view.dtype for view in operands]:
        return None
    return b"".join([form.head, *[view.packed for view in operands], form.scalars_format.pack(*form.scalars(instruction))])


def descriptors(instructions: Sequence[Instruction]) -> np.ndarray:
    """i64: every command's opcode, how many numbers follow, and those numbers."""
    # tiles repeat: equal instructions are flattened once
    done: dict[int, bytes] = {}
    parts = []
    for instruction in instructions:
        found = done.get(id(instruction))
        if found is None:
            try:
                found = _descriptor(instruction) or _foreign(instruction)
            except struct.error:
                # numbers beyond 64 bits stand in no program file, but a program made by hand may hold them
                found = _packed(_UNKNOWN, 0)
            done[id(instruction)] = found
        parts.append(found)
    return np.frombuffer(b"".join(parts), np.int64)


def _foreign(instruction: Instruction) -> bytes:
    """What the native engine is told of a command that it does not run: the bytes it writes."""
    try:
        ranges = [(view.space, extent.low, extent.high) for view in instruction.writes() for extent in view.extents()]
    except NpucError:
        # it will say so when it is executed
        ranges = []
    return _packed(_UNKNOWN, 3 * len(ranges), *itertools.chain.from_iterable(ranges))


def _packed(*numbers: int) -> bytes:
    return struct.pack(f"={len(numbers)}q", *numbers)


class NativeSegment:
    """The commands of an NPU segment in a legal order, ready to run on memories of fixed sizes.

    Args:
        order: numbers of the commands in a legal order.
        sram_bytes, dram_bytes: the memories' sizes.
        constant_bytes: how much of DRAM, from address 0 on, holds the same values at the start of every run.
        path: code path, "auto" or one of `npuc._native.paths()`.
    """

    def __init__(
        self,
        commands: Sequence[Command],
        order: Sequence[int],
        sram_bytes: int,
        dram_bytes: int,
        constant_bytes: int = 0,
        path: str = "auto",
    ):
        self.commands = commands
        self.path = path
        # semaphores move no values
        self.numbers = [number for number in order if not isinstance(commands[number].instruction, Wait | Signal)]
        instructions = [commands[number].instruction for number in self.numbers]
        self._plan = module().Plan(descriptors(instructions), sram_bytes, dram_bytes, constant_bytes)
        for index in self.left_out:
            log.debug("%s is executed by numpy", describe(self.numbers[index], commands[self.numbers[index]]))

    @property
    def left_out(self) -> list[int]:
        """Positions in `numbers` of the commands that numpy executes."""
        return self._plan.left_out()

    @property
    def keeps_constants(self) -> bool:
        """No command writes to the constants."""
        return self._plan.keeps_constants

    def run(self, memory: Memories) -> None:
        """Execute every command on `memory`, in place.

        Raises:
            SimulationError: a command that cannot be executed.
        """
        sram, dram = memory[Space.SRAM], memory[Space.DRAM]
        at, last = 0, len(self.numbers)
        while (at := self._plan.run(at, last, sram, dram, self.path)) < last:
            execute(self.numbers[at], self.commands[self.numbers[at]], memory, kernels)
            at += 1

    def compare(self, memory: Memories) -> None:
        """Execute every command by both engines, and hold the memories together after each.

        Raises:
            SimulationError: the first command after which they differ.
        """
        truth = {space: image.copy() for space, image in memory.items()}
        for index, number in enumerate(self.numbers):
            command = self.commands[number]
            execute(number, command, truth, kernels)
            if self._plan.run(index, index + 1, memory[Space.SRAM], memory[Space.DRAM], self.path) == index:
                execute(number, command, memory, kernels)
            for space, image in memory.items():
                wrong = np.flatnonzero(image != truth[space])
                if len(wrong):
                    raise SimulationError(
                        f"{describe(number, command)} differs between the engines", layer=command.location,
                        found=f"{len(wrong)} bytes of {space.name}, the first at {int(wrong[0]):#x}: {image[wrong[0]]}",
                        wanted=f"{truth[space][wrong[0]]}, as numpy has it",
                    )  # fmt: skip
