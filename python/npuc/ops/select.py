# SPDX-License-Identifier: Apache-2.0
"""select: one of two values by a boolean, on the host (TOSA SELECT; TFLite SELECT_V2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import HostMap
from npuc.ops.base import TensorType


@dataclass(frozen=True)
class Select(HostMap):
    """y = a where condition, else b. condition i1; a and b of one type, any; shapes broadcast."""

    name: ClassVar[str] = "select"
    operand_names: ClassVar[tuple[str, ...]] = ("condition", "a", "b")

    def malformed(self) -> Iterator[str]:
        condition, a, b = self.inputs
        yield from dtype_is("condition", condition, "i1")
        yield from dtype_is("b", b, a.dtype)
        yield from self.broadcast_problems()

    def infer(self) -> TensorType:
        return TensorType(self.shape, self.inputs[1].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(*inputs))
