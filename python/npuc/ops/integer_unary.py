# SPDX-License-Identifier: Apache-2.0
"""integer_unary: a function of each integer or boolean, on the host (TOSA ABS, BITWISE_NOT, CLZ, LOGICAL_NOT, NEGATE without zero points)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import RANGES, dtype_is
from npuc.ops._host import INTEGERS, HostMap
from npuc.ops.base import NUMPY_DTYPES, TensorType, param

# kind -> element types
KINDS = {"abs": INTEGERS, "bitwise_not": INTEGERS, "clz": ("i32",), "logical_not": ("i1",), "negate": INTEGERS}


@dataclass(frozen=True)
class IntegerUnary(HostMap):
    """y = f(x), f by `kind`, of x's type: abs |x| and negate -x saturated; bitwise_not ~x; logical_not; clz: zeros before the first one bit.

    abs, bitwise_not and negate take i8, i16 and i32, clz i32, logical_not i1.
    """

    name: ClassVar[str] = "integer_unary"

    kind: str = param("which function: " + ", ".join(KINDS), "abs")

    def malformed(self) -> Iterator[str]:
        if self.kind not in KINDS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(KINDS)}"
        else:
            yield from dtype_is("input", self.inputs[0], *KINDS[self.kind])

    def infer(self) -> TensorType:
        return self.inputs[0]

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        match self.kind:
            case "logical_not":
                return np.asarray(np.logical_not(x))
            case "bitwise_not":
                return np.asarray(np.invert(x))
            case "clz":
                return _leading_zeros(x)
        wide = x.astype(np.int64)
        low, high = RANGES[self.inputs[0].dtype]
        return np.clip(np.abs(wide) if self.kind == "abs" else -wide, low, high).astype(NUMPY_DTYPES[self.inputs[0].dtype])


def _leading_zeros(x: np.ndarray) -> np.ndarray:
    """32 - the bits that the unsigned value needs; f64 holds every i32, and frexp's exponent of it is that number of bits."""
    _, bits = np.frexp((x.astype(np.int64) & 0xFFFFFFFF).astype(np.float64))
    return (32 - bits).astype(np.int32)
