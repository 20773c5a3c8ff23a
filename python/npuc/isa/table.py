# SPDX-License-Identifier: Apache-2.0
"""Lookup on the vector unit: every unary function of an i8, in 256 entries, or of an i16, in 65536."""

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
    """out = table[x + 128], or table[x + 32768] of 16-bit values: such a table stays in its memory, and every lookup is a burst of its port."""

    opcode: ClassVar[int] = 11
    mnemonic: ClassVar[str] = "table"
    unit: ClassVar[Unit] = Unit.VECTOR

    ifm: Operand = operand("input i8 or i16 [N, H, W, C]", role="in")
    table: Operand = operand("entries for -128..127: i8 [1, 1, 1, 256], or for -32768..32767: i16 [1, 1, 1, 65536]", role="in")
    ofm: Operand = operand("output [N, H, W, C] of the input's type", role="out")

    def busy_cycles(self, target: Target) -> int:
        """Output path, one lookup an element."""
        return target.output.cycles("table", self.ofm.elements)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            return microblocks.walked(self.block_work(), target)
        return super().cost(target)

    def traffic(self, target: Target) -> dict[Space, int]:
        """Every operand once; of a table of 16-bit values a burst a lookup."""
        total = super().traffic(target)
        if self.ifm.dtype is DType.I16:
            memory = target.sram if self.table.space is Space.SRAM else target.dram
            total[self.table.space] += self.ofm.elements * memory.burst_bytes - self.table.traffic_bytes(memory.burst_bytes)
        return total

    def block_work(self) -> microblocks.BlockWork:
        """A window of one position, looked up on the way out."""
        return microblocks.pooled(self.ifm, self.ofm, (1, 1), (1, 1), "other", "table", table=self.table)

    def problems(self) -> Iterator[str]:
        yield from dtype_problems("ifm", self.ifm, DType.I8, DType.I16)
        for name in ("table", "ofm"):
            yield from dtype_problems(name, getattr(self, name), self.ifm.dtype)
        yield from shape_problems("ifm", self.ifm.padded_shape, self.ofm.shape)
        yield from shape_problems("table", self.table.shape, (1, 1, 1, 1 << 8 * self.ifm.dtype.bytes))

    def limits(self, target: Target) -> Iterator[str]:
        if self.ifm.dtype.bytes not in target.array.activation_steps:
            yield f"ifm is {self.ifm.dtype.name.lower()}, {target.name} looks up i8"

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        entries = self.table.read(memory[self.table.space]).reshape(-1)
        x = self.ifm.read(memory[self.ifm.space])
        self.ofm.write(memory[self.ofm.space], entries[x.astype(np.int32) + entries.size // 2])
