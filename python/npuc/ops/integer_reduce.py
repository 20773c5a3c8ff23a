# SPDX-License-Identifier: Apache-2.0
"""integer_reduce: one value along a dimension, on the host (TOSA REDUCE_MAX, REDUCE_MIN, REDUCE_SUM, REDUCE_ALL, REDUCE_ANY)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import INTEGERS, HostOp
from npuc.ops.base import Region, TensorType, Tile, param, region_type

_FUNCTIONS: dict[str, Callable] = {"max": np.max, "min": np.min, "sum": np.sum, "all": np.all, "any": np.any}
KINDS = tuple(_FUNCTIONS)
_BOOLEAN = ("all", "any")


@dataclass(frozen=True)
class IntegerReduce(HostOp):
    """y[rest] = f of x along `axis`, which stays with extent 1; f by `kind`.

    max and min of i8, i16 or i32; sum of i32, wrapping; all and any of i1.
    """

    name: ClassVar[str] = "integer_reduce"

    kind: str = param("which function: " + ", ".join(KINDS), "max")
    axis: int = param("dimension that is reduced", 0)

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        if self.kind not in _FUNCTIONS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(KINDS)}"
            return
        yield from dtype_is("input", x, *(("i1",) if self.kind in _BOOLEAN else ("i32",) if self.kind == "sum" else INTEGERS))
        if not 0 <= self.axis < len(x.shape):
            yield f"axis is {self.axis}, wanted 0..{len(x.shape) - 1}"

    def infer(self) -> TensorType:
        x = self.inputs[0]
        return TensorType((*x.shape[: self.axis], 1, *x.shape[self.axis + 1 :]), x.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(_FUNCTIONS[self.kind](inputs[0], axis=self.axis, keepdims=True)).astype(inputs[0].dtype)

    @property
    def splits(self) -> frozenset[int]:
        return frozenset(range(len(self.output.shape))) - {self.axis}

    def tile(self, region: Region) -> Tile:
        source = (*region[: self.axis], (0, self.inputs[0].shape[self.axis]), *region[self.axis + 1 :])
        return Tile(replace(self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region)), (source,))
