# SPDX-License-Identifier: Apache-2.0
"""float_log_softmax: the logarithm of softmax in f32, on the host."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._float import AlongAxis, centred


@dataclass(frozen=True)
class FloatLogSoftmax(AlongAxis):
    """y = x - max - log(sum of exp(x - max)) along `axis`, in f32."""

    name: ClassVar[str] = "float_log_softmax"

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        shifted = centred(inputs[0], self.axis)
        return shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True))
