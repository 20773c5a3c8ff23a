# SPDX-License-Identifier: Apache-2.0
"""cast: integers and booleans of one width to another, on the host (TOSA CAST)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import INTEGERS, HostMap
from npuc.ops.base import NUMPY_DTYPES, TensorType

_TYPES = ("i1", *INTEGERS, "i64")


@dataclass(frozen=True)
class Cast(HostMap):
    """y = x as another type of i1, i8, i16, i32, i64: a wider one keeps the value, a narrower one its low bits; i1 is x != 0."""

    name: ClassVar[str] = "cast"

    def malformed(self) -> Iterator[str]:
        yield from dtype_is("input", self.inputs[0], *_TYPES)
        yield from dtype_is("result", self.output, *_TYPES)

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return inputs[0].astype(NUMPY_DTYPES[self.output.dtype])
