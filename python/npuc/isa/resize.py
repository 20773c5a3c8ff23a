# SPDX-License-Identifier: Apache-2.0
"""Resize on the vector unit: nearest neighbour, or between the four nearest."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from npuc.isa import microblocks
from npuc.isa.base import DType, Instruction, Operand, Space, Unit, choice, i32, operand
from npuc.isa.records import dtype_problems
from npuc.numerics.resize import bilinear, positions
from npuc.targets.base import MicroBlockArray, Target


class ResizeRounding(enum.IntEnum):
    """How a position between two inputs is rounded."""

    FLOOR = 0
    HALF = 1
    BILINEAR = 2


@dataclass(frozen=True)
class Resize(Instruction):
    """out[n, oy, ox, c] = x[n, iy, ix, c].

    With p = oy * scale_y_d + offset_y: FLOOR iy = floor(p / scale_y_n); HALF (TOSA's nearest) one more where the remainder is at
    least half of scale_y_n. iy is clamped to the input's rows; columns alike. BILINEAR (i8): see `npuc.numerics.resize`.
    """

    opcode: ClassVar[int] = 12
    mnemonic: ClassVar[str] = "resize"
    unit: ClassVar[Unit] = Unit.VECTOR

    ifm: Operand = operand("input [N, H, W, C]", role="in")
    ofm: Operand = operand("output [N, OH, OW, C]", role="out")
    scale_y_n: int = i32("rows: numerator of output / input", 1)
    scale_y_d: int = i32("rows: denominator of output / input", 1)
    offset_y: int = i32("rows: added before the division")
    scale_x_n: int = i32("columns: numerator of output / input", 1)
    scale_x_d: int = i32("columns: denominator of output / input", 1)
    offset_x: int = i32("columns: added before the division")
    rounding: ResizeRounding = choice(ResizeRounding, "rounding of the position")

    def busy_cycles(self, target: Target) -> int:
        """Output path, one result an element; a product for each of the four that BILINEAR takes together."""
        if self.rounding is ResizeRounding.BILINEAR:
            return target.output.cycles("mul", 4 * self.ofm.elements)
        return target.output.cycles("other", self.ofm.elements)

    def cost(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Busy cycles and port bytes; machines of micro-blocks walk over the output block by block."""
        if isinstance(target.array, MicroBlockArray):
            return self._in_blocks(target)
        return super().cost(target)

    def _in_blocks(self, target: Target) -> tuple[int, dict[Space, int]]:
        """Nearest is movement; between four are the basic steps: four products in i32, three sums, and the rescale of the last."""
        if self.rounding is not ResizeRounding.BILINEAR:
            return microblocks.walked(microblocks.pooled(self.ifm, self.ofm, (1, 1), (1, 1), "other"), target)
        part = Operand.dense(self.ofm.space, 0, self.ofm.shape, DType.I32)
        narrow = replace(self.ofm, dtype=DType.I8)
        steps = (
            (microblocks.pointwise((narrow,), part, "wide_mul"), 4),
            (microblocks.pointwise((part, part), part, "wide"), 3),
            (microblocks.pooled(part, self.ofm, (1, 1), (1, 1), "other"), 1),
        )
        return microblocks.in_turn(steps, target)

    def problems(self) -> Iterator[str]:
        yield from dtype_problems("ofm", self.ofm, self.ifm.dtype)
        if any(self.ifm.pad):
            yield "ifm is padded, wanted an input without padding"
        if (self.ifm.shape[0], self.ifm.shape[3]) != (self.ofm.shape[0], self.ofm.shape[3]):
            yield f"batch and channels change from {self.ifm.shape} to {self.ofm.shape}, wanted the same"
        for name in ("scale_y_n", "scale_y_d", "scale_x_n", "scale_x_d"):
            if getattr(self, name) < 1:
                yield f"{name} is {getattr(self, name)}, wanted at least 1"
        if self.rounding is ResizeRounding.BILINEAR:
            yield from dtype_problems("ifm", self.ifm, DType.I8)
            if max(self.scale_y_n, self.scale_x_n) > 1 << 14:
                # so that a weighted sum stays within 37 bits
                yield f"scale_y_n, scale_x_n are {self.scale_y_n}, {self.scale_x_n}, wanted at most {1 << 14} where BILINEAR"

    def effect(self, memory: dict[Space, np.ndarray], kernels: Any) -> None:
        x = self.ifm.read(memory[self.ifm.space])
        _, height, width, _ = self.ofm.shape
        if self.rounding is ResizeRounding.BILINEAR:
            between = (
                positions(height, self.scale_y_n, self.scale_y_d, self.offset_y, x.shape[1]),
                positions(width, self.scale_x_n, self.scale_x_d, self.offset_x, x.shape[2]),
            )
            self.ofm.write(memory[self.ofm.space], bilinear(x, *between, self.scale_y_n, self.scale_x_n))
            return
        rows = self._index(height, self.scale_y_n, self.scale_y_d, self.offset_y, x.shape[1])
        columns = self._index(width, self.scale_x_n, self.scale_x_d, self.offset_x, x.shape[2])
        self.ofm.write(memory[self.ofm.space], x[:, rows[:, None], columns[None, :]])

    def _index(self, out: int, numerator: int, denominator: int, offset: int, extent: int) -> np.ndarray:
        """i64 [out]: input position of each output position."""
        position = np.arange(out, dtype=np.int64) * denominator + offset
        index, rest = np.divmod(position, numerator)
        if self.rounding is ResizeRounding.HALF:
            index = index + (2 * rest >= numerator)
        return np.clip(index, 0, extent - 1)
