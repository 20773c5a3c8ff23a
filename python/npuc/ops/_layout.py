# SPDX-License-Identifier: Apache-2.0
"""Ops that move values and compute none: any element type; on the machine, copies between strided views."""

from collections.abc import Iterator
from dataclasses import dataclass

from npuc.isa.base import Instruction, Operand
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.ops._checks import at_most_rank_4, element_types
from npuc.ops._elementwise import clamp_fields
from npuc.ops._views import broadcast, part
from npuc.ops.base import OpSpec, Refusal
from npuc.targets.base import Target


@dataclass(frozen=True)
class Movement(OpSpec):
    """Integers of any width; at most four dimensions."""

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from element_types(self, target, "i8", "i16", "i32")
        yield from at_most_rank_4(self)


def copy(source: Operand, destination: Operand) -> Instruction:
    """destination = source, padding of the source included."""
    return Elementwise(kind=ElementwiseKind.COPY, a=source, ofm=destination)


def fill(destination: Operand, value: int, readable: Operand) -> Instruction:
    """destination = value, i8 or i16: a clamp to a single value of the first element of `readable`."""
    first = readable
    for axis in range(4):
        first = part(first, axis, 0, 1)
    return Elementwise(kind=ElementwiseKind.RESCALE, a=broadcast(first, destination.shape), ofm=destination, **clamp_fields(value, value))
