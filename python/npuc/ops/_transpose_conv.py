# SPDX-License-Identifier: Apache-2.0
"""A transposed convolution as an ordinary one: an output channel for each phase of the stride, interleaved afterwards.

y[o] = sum over i, k with i * s - p + k = o of x[i] * w[k]. Outputs o = q * s + phase read x[q + base - t] with k = r + s * t, where
r = (phase + p) mod s and base = (phase + p - r) / s: for each phase a convolution of stride 1 whose kernel is every s-th tap, backwards.
All phases share one window; a tap that a phase has not holds the weights' zero point, so it contributes nothing.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PhaseAxis:
    """The window that all phases share along one dimension.

    Attributes:
        taps: for each phase, (position in the window, index in the kernel).
        kernel: positions of the window.
        before, after: padding of the input.
        outputs: positions of each phase.
    """

    taps: tuple[tuple[tuple[int, int], ...], ...]
    kernel: int
    before: int
    after: int
    outputs: int

    @classmethod
    def of(cls, extent: int, out: int, kernel: int, stride: int, pad: int) -> "PhaseAxis":
        """For `extent` inputs and `out` outputs, `pad` positions cut off before the first output."""
        reads = []
        for phase in range(stride):
            first = (phase + pad) % stride
            base = (phase + pad - first) // stride
            reads.append([(base - step, first + stride * step) for step in range(-(-(kernel - first) // stride))])
        offsets = [offset for phase in reads for offset, _ in phase]
        before = max(0, -min(offsets))
        taps = tuple(tuple((offset + before, index) for offset, index in phase) for phase in reads)
        window = max(offsets) + before + 1
        outputs = -(-out // stride)
        return cls(taps, window, before, max(0, outputs - 1 - before + window - extent), outputs)


def phase_weights(weights: np.ndarray, rows: PhaseAxis, columns: PhaseAxis, zero_point: int) -> np.ndarray:
    """i8 [SH * SW * O, KH', KW', C] from i8 [O, KH, KW, C]; output channels by phase of rows, phase of columns, O."""
    out, _, _, depth = weights.shape
    shape = (len(rows.taps), len(columns.taps), out, rows.kernel, columns.kernel, depth)
    spread = np.full(shape, zero_point, np.int8)
    for i, down in enumerate(rows.taps):
        for j, across in enumerate(columns.taps):
            for row, k in down:
                for column, m in across:
                    spread[i, j, :, row, column] = weights[:, k, m]
    return spread.reshape(-1, rows.kernel, columns.kernel, depth)
