# SPDX-License-Identifier: Apache-2.0
"""float_softmax: softmax in f32, on the host."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._float import AlongAxis, centred


@dataclass(frozen=True)
class FloatSoftmax(AlongAxis):
    """y = exp(x - max) / sum of exp(x - max) along `axis`, in f32."""

    name: ClassVar[str] = "float_softmax"

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        exps = np.exp(centred(inputs[0], self.axis))
        return exps / exps.sum(axis=self.axis, keepdims=True)
