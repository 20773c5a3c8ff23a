# SPDX-License-Identifier: Apache-2.0
"""float_binary: a function of two real values in f32, on the host."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import HostMap
from npuc.ops.base import TensorType, param

_FUNCTIONS: dict[str, Callable] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power, "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip

KINDS = tuple(_FUNCTIONS)


@dataclass(frozen=True)
class FloatBinary(HostMap):
    """y = f(a, b) in f32, f by `kind`; shapes broadcast. Outside of its domain NaN or infinity; maximum and minimum pass NaN on."""

    name: ClassVar[str] = "float_binary"
    operand_names: ClassVar[tuple[str, ...]] = ("a", "b")

    kind: str = param("which function: " + ", ".join(KINDS), "add")

    def malformed(self) -> Iterator[str]:
        if self.kind not in _FUNCTIONS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(KINDS)}"
        for name, tensor in zip(self.operand_names, self.inputs, strict=True):
            yield from dtype_is(name, tensor, "f32")
        yield from self.broadcast_problems()

    def infer(self) -> TensorType:
        return TensorType(self.shape, "f32")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(_FUNCTIONS[self.kind](*inputs)).astype(np.float32)
