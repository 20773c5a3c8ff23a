# SPDX-License-Identifier: Apache-2.0
"""table: every unary function of an i8 or i16 (TOSA TABLE): sigmoid, tanh, GELU, SiLU, hard-swish, exp, leaky ReLU..."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.isa import table as isa
from npuc.isa.base import Instruction, Operand
from npuc.ops._checks import ACTIVATIONS, activation_types, at_most, at_most_rank_4, dtype_is, type_is
from npuc.ops._elementwise import Map
from npuc.ops._views import blob_part
from npuc.ops.base import Refusal
from npuc.targets.base import Target


@dataclass(frozen=True)
class Table(Map):
    """y = table[x + 128], x i8, table i8 [256] -> i8; or y = table[x + 32768], x i16, table i16 [65536] -> i16.

    `table_of` makes one from a real function.
    """

    name: ClassVar[str] = "table"
    operand_names: ClassVar[tuple[str, ...]] = ("input", "table")
    param_operands: ClassVar[tuple[int, ...]] = (1,)

    def malformed(self) -> Iterator[str]:
        dtype = self.inputs[0].dtype
        wrong = list(dtype_is("input", self.inputs[0], *ACTIVATIONS))
        yield from wrong or type_is("table", self.inputs[1], (1 << 8 if dtype == "i8" else 1 << 16,), dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        x, entries = inputs
        return entries[x.astype(np.int32) + len(entries) // 2]

    # what this machine makes of it -------------------------------------------------------------

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from activation_types(self, target)
        yield from at_most_rank_4(self)
        yield from self._room(target)

    def _room(self, target: Target) -> Iterator[Refusal]:
        """A table of 16-bit values takes at most half of the SRAM, which holds rows beside it."""
        if self.inputs[0].dtype == "i16":
            yield from at_most("a table of 16-bit values takes at most half of the SRAM", self.param_bytes(), target.sram.bytes // 2)

    def param_bytes(self) -> int:
        return self.inputs[1].bytes

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        return arrays[0].astype(arrays[0].dtype.newbyteorder("<")).tobytes()

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        return [isa.Table(ifm=inputs[0], table=blob_part(params, 0, self.inputs[1].nhwc, inputs[0].dtype), ofm=output)]


def table_of(function: Callable[[np.ndarray], np.ndarray], scale_in: float, zp_in: int, scale_out: float, zp_out: int) -> np.ndarray:
    """i8 [256]: entry q + 128 is clamp(rint(function((q - zp_in) * scale_in) / scale_out) + zp_out), computed in f64.

    Where the function has no value the entry is that of 0; `npuc.numerics.functions` has functions.
    """
    x = (np.arange(-128, 128, dtype=np.float64) - zp_in) * scale_in
    with np.errstate(all="ignore"):
        y = np.nan_to_num(function(x) / scale_out)
    return np.clip(np.rint(y) + zp_out, -128, 127).astype(np.int8)
