# SPDX-License-Identifier: Apache-2.0
"""float_unary: a function of each element in f32, on the host."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.numerics.functions import FUNCTIONS, evaluate
from npuc.ops._checks import dtype_is, host_only
from npuc.ops._elementwise import Map
from npuc.ops.base import Refusal, TensorType, param
from npuc.targets.base import Target


@dataclass(frozen=True)
class FloatUnary(Map):
    """y = f(x, params), f by `kind`, f32 -> f32 of any shape. See `npuc.numerics.functions`."""

    name: ClassVar[str] = "float_unary"
    host_only: ClassVar[bool] = True

    kind: str = param("which function, by PyTorch's name: " + ", ".join(FUNCTIONS), "relu")
    arguments: tuple[float, ...] = param("its constant arguments in order", ())

    def malformed(self) -> Iterator[str]:
        yield from dtype_is("input", self.inputs[0], "f32")
        if self.kind not in FUNCTIONS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(FUNCTIONS)}"
        elif len(self.arguments) != len(FUNCTIONS[self.kind].params):
            wanted = FUNCTIONS[self.kind].params
            yield f"'{self.kind}' has {len(self.arguments)} arguments, wanted {len(wanted)}{': ' if wanted else ''}{', '.join(wanted)}"

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, "f32")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return evaluate(self.kind, self.arguments, inputs[0])

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)
