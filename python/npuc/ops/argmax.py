# SPDX-License-Identifier: Apache-2.0
"""argmax: where the greatest value stands, on the host (TOSA ARGMAX; the first of equals)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is, host_only
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target


@dataclass(frozen=True)
class Argmax(OpSpec):
    """y[rest] = the least i with x[..., i, ...] = max along `axis`; i8, ui8, i16, i32 or f32 -> i32 or i64."""

    name: ClassVar[str] = "argmax"
    host_only: ClassVar[bool] = True

    axis: int = param("dimension searched", 0)
    keepdims: bool = param("it stays, with extent 1", False)

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        yield from dtype_is("input", x, "i8", "ui8", "i16", "i32", "f32")
        yield from dtype_is("result", self.output, "i32", "i64")
        if not 0 <= self.axis < len(x.shape):
            yield f"axis is {self.axis}, wanted 0..{len(x.shape) - 1}"

    def infer(self) -> TensorType:
        shape = self.inputs[0].shape
        kept = (1,) if self.keepdims else ()
        return TensorType((*shape[: self.axis], *kept, *shape[self.axis + 1 :]), self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(np.argmax(inputs[0], axis=self.axis, keepdims=self.keepdims)).astype(NUMPY_DTYPES[self.output.dtype])

    @property
    def splits(self) -> frozenset[int]:
        rank = len(self.output.shape)
        return frozenset(range(rank)) - {self.axis} if self.keepdims else frozenset(range(rank))

    def tile(self, region: Region) -> Tile:
        before, after = region[: self.axis], region[self.axis + 1 if self.keepdims else self.axis :]
        source = (*before, (0, self.inputs[0].shape[self.axis]), *after)
        return Tile(replace(self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region)), (source,))

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)
