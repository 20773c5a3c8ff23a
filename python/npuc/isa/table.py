# SPDX-License-Identifier: Apache-2.0
"""Lookup in 256 entries on the vector unit: every unary function of an i8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa import microblocks
from npuc.isa.base import DType, Instruction, Operand, Space, Unit, operand
from npuc.isa.records import dtype_problems, shape_problems
from npuc.targets.base import MicroBlockArray, Target


@dataclass(frozen=True)
class Table(Instruction):
    """out = table[x + 128]."""

    opcode: ClassVar[int] = 11
    mnemonic: ClassVar[str] = "table"
    unit: ClassVar[Unit] = Unit.VECTOR

    ifm: Operand = operand("input i8 [N, H, W, C]", role="in")
    table: Operand = operand("entries for -128..127: i8 [1, 1, 1, 256]", role="in")
    ofm: Operand = operand("output i8 [N, H, W, C]", role="out")

    def busy_cycles(self, target: Target) -> int:
        """Output path, one lookup an element."""
        return target.output.cycles("table", self.ofm.elements)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            return microblocks.walked(self.block_work(), target)
        return super().cost(target)

    def block_work(self) -> microblocks.BlockWork:
        """A window of one position, looked up on the way out."""
        return microblocks.pooled(self.ifm, self.ofm, (1, 1), (1, 1), "other", "table", table=self.table)

    def problems(self) -> Iterator[str]:
        for name in ("ifm", "table", "ofm"):
            yield from dtype_problems(name, getattr(self, name), DType.I8)
        yield from shape_problems("ifm", self.ifm.padded_shape, self.ofm.shape)
        yield from shape_problems("table", self.table.shape, (1, 1, 1, 256))

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        entries = self.table.read(memory[self.table.space]).reshape(-1)
        x = self.ifm.read(memory[self.ifm.space])
        self.ofm.write(memory[self.ofm.space], entries[x.astype(np.int16) + 128])
