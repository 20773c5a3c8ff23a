# SPDX-License-Identifier: Apache-2.0
"""Movement between memories, fill included."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npuc.isa.base import Instruction, Operand, Space, Unit, i16, operand
from npuc.isa.records import dtype_problems, limits, shape_problems
from npuc.targets.base import Target


@dataclass(frozen=True)
class Dma(Instruction):
    """dst = src, padding of src included; without a src every element becomes `fill_value`. Up to 4-D strides on both sides."""

    opcode: ClassVar[int] = 16
    mnemonic: ClassVar[str] = "dma"
    unit: ClassVar[Unit] = Unit.DMA

    src: Operand = operand("source [N, H, W, C], may be padded", role="in?")
    dst: Operand = operand("destination [N, H, W, C]", role="out")
    fill_value: int = i16("what is written without a source")

    def busy_cycles(self, target: Target) -> int:
        """Nothing beyond the ports."""
        return 0

    def latency(self, target: Target) -> int:
        """Off-chip read latency from DRAM, write latency to DRAM, both for both; within SRAM its own."""
        from_dram, to_dram = self.src.space is Space.DRAM, self.dst.space is Space.DRAM
        if not from_dram and not to_dram:
            return target.sram.read_latency if self.src.present else target.sram.write_latency
        return target.dram.read_latency * from_dram + target.dram.write_latency * to_dram

    def problems(self) -> Iterator[str]:
        if self.src.present:
            yield from shape_problems("src", self.src.padded_shape, self.dst.shape)
            yield from dtype_problems("dst", self.dst, self.src.dtype)
            return
        low, high = limits(self.dst.dtype)
        if not low <= self.fill_value <= high:
            yield f"fill_value is {self.fill_value}, wanted {low}..{high}"

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        if self.src.present:
            values = self.src.read(memory[self.src.space])
        else:
            values = np.full(self.dst.shape, self.fill_value, self.dst.dtype.numpy)
        self.dst.write(memory[self.dst.space], values)
