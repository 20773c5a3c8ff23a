# SPDX-License-Identifier: Apache-2.0
"""float_matmul: a product of matrices in f32, on the host."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import HostOp
from npuc.ops.base import TensorType, param


@dataclass(frozen=True)
class FloatMatmul(HostOp):
    """y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j]; b[..., j, k] with `transpose_b`. Added up in f64, rounded to f32 once."""

    name: ClassVar[str] = "float_matmul"
    operand_names: ClassVar[tuple[str, ...]] = ("a", "b")

    transpose_b: bool = param("the last two dimensions of b change places first", False)

    def malformed(self) -> Iterator[str]:
        a, b = self.inputs
        for name, tensor in zip(self.operand_names, self.inputs, strict=True):
            yield from dtype_is(name, tensor, "f32")
        if len(a.shape) < 2 or len(a.shape) != len(b.shape):
            yield f"operands are {a} and {b}, wanted one rank of at least 2"
        elif a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-1 if self.transpose_b else -2]:
            yield f"operands are {a} and {b}, wanted the same extents before the matrices, and as many columns as rows"

    def infer(self) -> TensorType:
        a, b = self.inputs
        return TensorType((*a.shape[:-1], b.shape[-2 if self.transpose_b else -1]), "f32")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        a, b = (x.astype(np.float64) for x in inputs)
        with np.errstate(all="ignore"):
            return np.matmul(a, b.swapaxes(-1, -2) if self.transpose_b else b).astype(np.float32)

    def macs(self) -> int:
        return self.output.elements * self.inputs[0].shape[-1]
