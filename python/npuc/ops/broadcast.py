# SPDX-License-Identifier: Apache-2.0
"""broadcast: a value repeated along dimensions, on the host (TFLite BROADCAST_TO)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._host import HostOp
from npuc.ops.base import TensorType


@dataclass(frozen=True)
class Broadcast(HostOp):
    """y = x repeated along dimensions of extent 1, to the shape of the result. Any element type."""

    name: ClassVar[str] = "broadcast"

    def malformed(self) -> Iterator[str]:
        x, y = self.inputs[0], self.output
        fits = len(x.shape) == len(y.shape) and all(mine in (1, theirs) for mine, theirs in zip(x.shape, y.shape, strict=True))
        if not fits:
            yield f"result is {y}, wanted the rank of {x}, and its extents where they are not 1"

    def infer(self) -> TensorType:
        return TensorType(self.output.shape, self.inputs[0].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.array(np.broadcast_to(inputs[0], self.output.shape))
