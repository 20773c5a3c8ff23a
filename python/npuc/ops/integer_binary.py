# SPDX-License-Identifier: Apache-2.0
"""integer_binary: arithmetic, shifts, bits, logic and comparisons of integers as TOSA has them, on the host."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import INTEGERS, HostMap
from npuc.ops.base import NUMPY_DTYPES, TensorType, param


def _shifted_right(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rounded: plus the last bit that fell off."""
    return (a >> b) + np.where(b > 0, (a >> np.maximum(b - 1, 0)) & 1, 0)


def _divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Towards zero."""
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


# on i64, whose low bits are the result
_ARITHMETIC: dict[str, Callable] = {
    "add": np.add,
    "sub": np.subtract,
    "intdiv": _divided,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "arithmetic_right_shift": np.right_shift,
    "rounding_right_shift": _shifted_right,
    "logical_left_shift": np.left_shift,
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
}
_COMPARISONS: dict[str, Callable] = {"equal": np.equal, "greater": np.greater, "greater_equal": np.greater_equal}
_LOGIC: dict[str, Callable] = {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}
# of accumulators with 48 bits too, which i64 holds
_WIDE = ("add", "sub", "mul")
_SHIFTS = ("arithmetic_right_shift", "rounding_right_shift", "logical_left_shift", "logical_right_shift")

KINDS = (*_ARITHMETIC, "logical_right_shift", "mul", *_COMPARISONS, *_LOGIC)


@dataclass(frozen=True)
class IntegerBinary(HostMap):
    """y = f(a, b), f by `kind`; a and b of one type, i8, i16 or i32, for add, sub and mul i64 too; shapes broadcast.

    add, sub, maximum, minimum, bitwise_*, shifts: of a's type, wrapping. intdiv: towards zero, i32. Shift counts are 0 to the number
    of bits less 1; rounding_right_shift adds the last bit that falls off. mul: the product in i32, of i64 in i64, and on i32 with
    `shift` > 0 (a * b + 2**(shift - 1)) >> shift. equal, greater, greater_equal: i1. logical_and, _or, _xor: i1 of i1.
    """

    name: ClassVar[str] = "integer_binary"
    operand_names: ClassVar[tuple[str, ...]] = ("a", "b")

    kind: str = param("which function: " + ", ".join(KINDS), "add")
    shift: int = param("of mul on i32: bits that the product is shifted right, rounded; 0..63", 0)

    def malformed(self) -> Iterator[str]:
        a, b = self.inputs
        if self.kind not in KINDS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(KINDS)}"
            return
        wanted = ("i1",) if self.kind in _LOGIC else ("i32",) if self.kind == "intdiv" else (*INTEGERS, "i64") if self.kind in _WIDE else INTEGERS
        yield from dtype_is("a", a, *wanted)
        yield from dtype_is("b", b, a.dtype)
        if not 0 <= self.shift <= 63 or (self.shift and (self.kind, a.dtype) != ("mul", "i32")):
            yield f"shift is {self.shift}, wanted {'0..63' if (self.kind, a.dtype) == ('mul', 'i32') else 0}"
        yield from self.broadcast_problems()

    def infer(self) -> TensorType:
        own = self.inputs[0].dtype
        product = "i64" if own == "i64" else "i32"
        return TensorType(self.shape, "i1" if self.kind in _COMPARISONS else product if self.kind == "mul" else own)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        """Raises ValueError for a division by 0 and for a shift by more bits than there are."""
        a, b = inputs
        function = _COMPARISONS.get(self.kind) or _LOGIC.get(self.kind)
        if function is not None:
            return np.asarray(function(a, b))
        bits = 8 * a.itemsize
        if self.kind in _SHIFTS and ((b < 0) | (b >= bits)).any():
            raise ValueError(f"a shift count is outside of 0..{bits - 1}")
        if self.kind == "intdiv" and not b.all():
            raise ValueError("a divisor is 0")
        left, right = a.astype(np.int64), b.astype(np.int64)
        if self.kind == "mul":
            total = left * right
            if self.shift:
                # added to the high part alone: the product of two i32 and the rounding together may leave i64
                total = (total >> self.shift) + (total >> (self.shift - 1) & 1)
        elif self.kind == "logical_right_shift":
            total = (left & ((1 << bits) - 1)) >> right
        else:
            total = _ARITHMETIC[self.kind](left, right)
        return np.asarray(total).astype(NUMPY_DTYPES[self.output.dtype])
