# SPDX-License-Identifier: Apache-2.0
"""gather: positions along a dimension by number, on the host (TOSA GATHER: axis 1, batch_dims 1; TFLite GATHER)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is
from npuc.ops._host import HostOp
from npuc.ops.base import TensorType, param


@dataclass(frozen=True)
class Gather(HostOp):
    """y[batch, before, index, after] = x[batch, before, indices[batch, index], after].

    x of any type, indices i32; the first `batch_dims` dimensions are the batch of both, `axis` of x is read by number. Where an index
    leaves the dimension the op cannot be computed.
    """

    name: ClassVar[str] = "gather"
    operand_names: ClassVar[tuple[str, ...]] = ("input", "indices")

    axis: int = param("dimension of the input that is read by number", 0)
    batch_dims: int = param("leading dimensions that both operands share, at most axis", 0)

    def malformed(self) -> Iterator[str]:
        x, indices = self.inputs
        yield from dtype_is("indices", indices, "i32")
        if not 0 <= self.axis < len(x.shape):
            yield f"axis is {self.axis}, wanted 0..{len(x.shape) - 1}"
        elif not 0 <= self.batch_dims <= min(self.axis, len(indices.shape)):
            yield f"batch_dims is {self.batch_dims}, wanted 0..{min(self.axis, len(indices.shape))}"
        elif x.shape[: self.batch_dims] != indices.shape[: self.batch_dims]:
            yield f"operands are {x} and {indices}, wanted the same first {self.batch_dims} dimensions"

    def infer(self) -> TensorType:
        x, indices = self.inputs
        return TensorType((*x.shape[: self.axis], *indices.shape[self.batch_dims :], *x.shape[self.axis + 1 :]), x.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        """Raises ValueError where an index leaves the dimension."""
        x, indices = inputs
        extent = x.shape[self.axis]
        if ((indices < 0) | (indices >= extent)).any():
            raise ValueError(f"an index is outside of 0..{extent - 1}")
        batch = x.shape[: self.batch_dims]
        count = int(np.prod(batch, dtype=np.int64))
        rows = x.reshape(count, *x.shape[self.batch_dims :])
        chosen = indices.reshape(count, *indices.shape[self.batch_dims :])
        taken = np.stack([np.take(row, one, axis=self.axis - self.batch_dims) for row, one in zip(rows, chosen, strict=True)])
        return taken.reshape(self.output.shape)
