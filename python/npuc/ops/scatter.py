# SPDX-License-Identifier: Apache-2.0
"""scatter: rows of a tensor replaced by number, on the host (TOSA SCATTER)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is, rank_is, type_is
from npuc.ops._host import HostOp
from npuc.ops.base import TensorType


@dataclass(frozen=True)
class Scatter(HostOp):
    """y = x but y[n, indices[n, w], :] = updates[n, w, :].

    x [N, K, C] of any type, indices i32 [N, W], updates [N, W, C]. Where an index leaves 0..K-1 the op cannot be computed; of equal
    ones the last is what stays.
    """

    name: ClassVar[str] = "scatter"
    operand_names: ClassVar[tuple[str, ...]] = ("input", "indices", "updates")

    def malformed(self) -> Iterator[str]:
        x, indices, updates = self.inputs
        wrong = [*rank_is("input", x, 3), *rank_is("indices", indices, 2), *dtype_is("indices", indices, "i32")]
        yield from wrong
        if wrong:
            return
        if indices.shape[0] != x.shape[0]:
            yield f"indices are {indices}, wanted {x.shape[0]} rows of them"
        yield from type_is("updates", updates, (*indices.shape, x.shape[2]), x.dtype)

    def infer(self) -> TensorType:
        return self.inputs[0]

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        """Raises ValueError where an index leaves the dimension."""
        x, indices, updates = inputs
        if ((indices < 0) | (indices >= x.shape[1])).any():
            raise ValueError(f"an index is outside of 0..{x.shape[1] - 1}")
        y = x.copy()
        for image in range(len(x)):
            # one by one: numpy leaves open which of equal indices wins
            for row, value in zip(indices[image], updates[image], strict=True):
                y[image, row] = value
        return y
