# SPDX-License-Identifier: Apache-2.0
"""The two parts of TFLite's integer softmax that no other instruction offers; a reduction of each kind stands between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa import microblocks
from npuc.isa.base import DType, Instruction, Operand, Space, Unit, operand
from npuc.isa.records import dtype_problems, shape_problems
from npuc.numerics.softmax import softmax_norm
from npuc.targets.base import MicroBlockArray, Target


def _row_problems(name: str, row: Operand, whole: Operand) -> Iterator[str]:
    """`row` has one value for each row of channels of `whole`."""
    yield from shape_problems(name, row.shape, (*whole.shape[:3], 1))


@dataclass(frozen=True)
class SoftmaxExp(Instruction):
    """out = table[row_max - x]: e to the (x - max), 31 fractional bits, from a table over the 256 differences."""

    opcode: ClassVar[int] = 13
    mnemonic: ClassVar[str] = "softmax_exp"
    unit: ClassVar[Unit] = Unit.VECTOR

    ifm: Operand = operand("input i8 [N, H, W, C]", role="in")
    row_max: Operand = operand("greatest input over the channels, i8 [N, H, W, 1]", role="in")
    table: Operand = operand("exponential of each difference: i32 [1, 1, 1, 256]", role="in")
    ofm: Operand = operand("output i32 [N, H, W, C]", role="out")

    def busy_cycles(self, target: Target) -> int:
        """Output path, one lookup an element."""
        return target.output.cycles("table", self.ofm.elements)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            return microblocks.walked(microblocks.pointwise((self.ifm, self.row_max), self.ofm, "add", "table", table=self.table), target)
        return super().cost(target)

    def problems(self) -> Iterator[str]:
        yield from dtype_problems("ifm", self.ifm, DType.I8)
        yield from dtype_problems("row_max", self.row_max, DType.I8)
        yield from dtype_problems("table", self.table, DType.I32)
        yield from dtype_problems("ofm", self.ofm, DType.I32)
        yield from shape_problems("ifm", self.ifm.padded_shape, self.ofm.shape)
        yield from _row_problems("row_max", self.row_max, self.ofm)
        yield from shape_problems("table", self.table.shape, (1, 1, 1, 256))

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        entries = self.table.read(memory[self.table.space]).reshape(-1)
        x, row_max = self.ifm.read(memory[self.ifm.space]), self.row_max.read(memory[self.row_max.space])
        # eight bits of difference: what is no maximum wraps as it would in the unit
        self.ofm.write(memory[self.ofm.space], entries[(row_max.astype(np.int16) - x) & 255])


@dataclass(frozen=True)
class SoftmaxNorm(Instruction):
    """out = clamp(round(exps / row_sum * 256) - 128), by TFLite's reciprocal; see `npuc.numerics.softmax`."""

    opcode: ClassVar[int] = 14
    mnemonic: ClassVar[str] = "softmax_norm"
    unit: ClassVar[Unit] = Unit.VECTOR

    exps: Operand = operand("exponentials i32 [N, H, W, C], 31 fractional bits", role="in")
    row_sum: Operand = operand("their sum over the channels i32 [N, H, W, 1], 19 fractional bits", role="in")
    ofm: Operand = operand("output i8 [N, H, W, C]: scale 1/256, zero point -128", role="out")

    # three Newton steps of two products each, and the products around them
    _reciprocal_steps: ClassVar[int] = 8
    # the same with every basic step of a row counted: leading zeros, alignment, three times six, and the shifts around them
    _row_steps: ClassVar[int] = 24

    def busy_cycles(self, target: Target) -> int:
        """Output path: one product an element, and a reciprocal a row."""
        return target.output.cycles("mul", self.ofm.elements + self.row_sum.elements * self._reciprocal_steps)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            return self._in_turn(target)
        return super().cost(target)

    def problems(self) -> Iterator[str]:
        yield from dtype_problems("exps", self.exps, DType.I32)
        yield from dtype_problems("row_sum", self.row_sum, DType.I32)
        yield from dtype_problems("ofm", self.ofm, DType.I8)
        yield from shape_problems("exps", self.exps.padded_shape, self.ofm.shape)
        yield from _row_problems("row_sum", self.row_sum, self.ofm)

    def _in_turn(self, target: Target) -> tuple[int, dict[Space, int]]:
        """As the sequence of basic i32 steps that these machines have: the reciprocals of the rows, then product, rounding and shift of each element."""
        row = microblocks.pointwise((self.row_sum, self.row_sum), self.row_sum, "wide")
        element = microblocks.pointwise((self.exps, self.row_sum), self.exps, "wide")
        return microblocks.in_turn(((row, self._row_steps), (element, 3)), target)

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        exps, row_sum = self.exps.read(memory[self.exps.space]), self.row_sum.read(memory[self.row_sum.space])
        self.ofm.write(memory[self.ofm.space], softmax_norm(exps, row_sum))
