# SPDX-License-Identifier: Apache-2.0
"""float_compare: which of two real values is the greater, on the host."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import HostMap
from npuc.ops.base import TensorType, param

_FUNCTIONS: dict[str, Callable] = {
    "equal": np.equal, "not_equal": np.not_equal, "greater": np.greater, "greater_equal": np.greater_equal, "less": np.less,
    "less_equal": np.less_equal,
}  # fmt: skip

KINDS = tuple(_FUNCTIONS)


@dataclass(frozen=True)
class FloatCompare(HostMap):
    """y = f(a, b), f by `kind`, f32 -> i1; shapes broadcast. Where an operand is NaN, y is `unordered`."""

    name: ClassVar[str] = "float_compare"
    operand_names: ClassVar[tuple[str, ...]] = ("a", "b")

    kind: str = param("which comparison: " + ", ".join(KINDS), "greater")
    unordered: bool = param("the result where an operand is NaN", False)

    def malformed(self) -> Iterator[str]:
        if self.kind not in _FUNCTIONS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(KINDS)}"
        for name, tensor in zip(self.operand_names, self.inputs, strict=True):
            yield from dtype_is(name, tensor, "f32")
        yield from self.broadcast_problems()

    def infer(self) -> TensorType:
        return TensorType(self.shape, "i1")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        a, b = inputs
        return np.asarray(np.where(np.isnan(a) | np.isnan(b), self.unordered, _FUNCTIONS[self.kind](a, b)))
