# SPDX-License-Identifier: Apache-2.0
"""Whether a command may run on a machine at all: what the decoder refuses, whatever wrote the bytes."""

import functools
from collections.abc import Iterator
from dataclasses import fields

from npuc.isa.base import BRICK, Command, DType, Instruction, Operand, Space, Unit
from npuc.isa.records import limits as value_limits
from npuc.targets.base import Target

MAX_EXTENT = 1 << 24
MAX_ELEMENTS = 1 << 27
"""Elements of an operand, padding included: what one gather may allocate."""

_TYPE_NAMES = [kind.name.lower() for kind in DType]
_NO_PAD = (0, 0, 0, 0)


@functools.cache
def operand_fields(cls: type[Instruction]) -> tuple[tuple[str, str], ...]:
    """(name, role) of every operand field."""
    return tuple((f.name, f.metadata["operand"]) for f in fields(cls) if "operand" in f.metadata)


class Legality:
    """Judges commands for one machine.

    Args:
        sizes: bytes of each memory that the program may touch.
    """

    def __init__(self, target: Target, sizes: dict[Space, int]):
        self.target, self.sizes = target, sizes
        # tiles share operands: one object is judged once in each role. Held, so that its identity stays its own
        self._sound: dict[tuple[int, str, bool], Operand] = {}

    def problems(self, command: Command) -> Iterator[str]:
        """What is wrong with `command`, one sentence each."""
        instruction, target = command.instruction, self.target
        unit = instruction.unit
        allowed = target.queue_names if unit is Unit.ANY else target.queues[unit.value]
        if command.queue not in allowed:
            yield f"queue is '{command.queue}', wanted {' or '.join(allowed)}"
        sound = True
        for name, role in operand_fields(type(instruction)):
            view = getattr(instruction, name)
            key = (id(view), role, unit is Unit.DMA)
            if key in self._sound:
                continue
            found = [f"{name}: {problem}" for problem in operand_problems(view, role, unit, target, self.sizes)]
            if found:
                sound = False
                yield from found
            else:
                self._sound[key] = view
        # shapes are compared only once every operand is one
        if sound:
            yield from instruction.problems()
            yield from instruction.limits(target)


def operand_problems(view: Operand, role: str, unit: Unit, target: Target, sizes: dict[Space, int]) -> Iterator[str]:
    """What is wrong with one operand of an instruction of `unit`."""
    if not view.present:
        if role != "in?":
            yield "is absent"
        return
    if min(view.shape) < 1 or max(view.shape) > MAX_EXTENT:
        yield f"shape is {view.shape}, wanted 1..{MAX_EXTENT} each way"
        return
    padded = view.padded_shape
    elements = padded[0] * padded[1] * padded[2] * padded[3]
    if elements > MAX_ELEMENTS:
        yield f"has {elements} elements, wanted at most {MAX_ELEMENTS}"
        return
    kind, element = _TYPE_NAMES[view.dtype], view.dtype.bytes
    if kind not in target.element_types:
        yield f"element type is {kind}, {target.name} knows {', '.join(target.element_types)}"
        return
    if view.wrap_rows and (view.shape[1] > view.wrap_rows or view.first_row >= view.wrap_rows):
        yield f"has {view.shape[1]} rows from row {view.first_row} in a ring of {view.wrap_rows}"
        return
    if not view.wrap_rows and view.first_row:
        yield f"first row is {view.first_row} without a ring, wanted 0"
        return
    if view.brick_stride:
        if not target.array.bricks:
            yield f"lies in bricks of channels, which {target.name} does not know"
            return
        if view.shape[3] % BRICK or view.strides[3] != element or not 0 < view.brick_stride < 1 << 31 or view.brick_stride % element:
            yield (
                f"{view.shape[3]} channels, {view.strides[3]} bytes apart, lie in bricks {view.brick_stride} bytes apart, "
                f"wanted whole bricks of {BRICK} neighbours"
            )
            return
    if view.pad_value:
        low, high = value_limits(view.dtype)
        if not low <= view.pad_value <= high:
            yield f"pad value is {view.pad_value}, wanted an {kind}"
    if element > 1 and (any(stride % element for stride in view.strides) or view.base % element):
        yield f"base {view.base} or strides {view.strides} are no multiples of {element} bytes"
    low, high = view.reach()
    if low < 0 or high > sizes[view.space]:
        yield f"bytes {low}..{high} leave {view.space.name}, which has {sizes[view.space]}"
    if view.space is Space.DRAM and unit is not Unit.DMA and not target.core_reaches_dram:
        yield f"lies in DRAM, which only the DMA of {target.name} reaches"
    if role != "out":
        return
    if view.pad != _NO_PAD:
        yield f"output has padding {view.pad}, wanted none"
    if 0 in view.strides and any(stride == 0 and extent > 1 for extent, stride in zip(view.shape, view.strides, strict=True)):
        yield f"output strides are {view.strides} for shape {view.shape}, wanted no broadcast"
    if not (target.sram if view.space is Space.SRAM else target.dram).writable:
        yield f"is written to {view.space.name}, which {target.name} cannot write"
