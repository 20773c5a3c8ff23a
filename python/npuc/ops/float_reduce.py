# SPDX-License-Identifier: Apache-2.0
"""float_reduce: one real value along dimensions, on the host."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import HostOp
from npuc.ops.base import TensorType, param

_FUNCTIONS: dict[str, Callable] = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min}
KINDS = tuple(_FUNCTIONS)


@dataclass(frozen=True)
class FloatReduce(HostOp):
    """y[rest] = f of x along `axes`, which stay with extent 1; f by `kind`, f32 -> f32. Sums and products in f64, rounded once."""

    name: ClassVar[str] = "float_reduce"

    kind: str = param("which function: " + ", ".join(KINDS), "sum")
    axes: tuple[int, ...] = param("dimensions that are reduced, ascending", ())

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        yield from dtype_is("input", x, "f32")
        if self.kind not in _FUNCTIONS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(KINDS)}"
        if tuple(sorted(set(self.axes))) != self.axes or not set(self.axes) <= set(range(len(x.shape))):
            yield f"axes are {self.axes}, wanted different ones within 0..{len(x.shape) - 1}, ascending"

    def infer(self) -> TensorType:
        return TensorType(tuple(1 if i in self.axes else extent for i, extent in enumerate(self.inputs[0].shape)), "f32")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(_FUNCTIONS[self.kind](inputs[0].astype(np.float64), axis=self.axes, keepdims=True)).astype(np.float32)
