# SPDX-License-Identifier: Apache-2.0
"""The records that stand first in a parameter blob, one for each output channel (or divisor), 10 bytes, little-endian."""

import numpy as np

from npuc.numerics.rescale import Rescale

RECORD = np.dtype([("bias", "<i4"), ("multiplier", "<i4"), ("shift", "<u2")])


def pack_records(rescale: Rescale, bias: np.ndarray) -> bytes:
    """`len(bias)` records; a rescale per tensor is written to every one."""
    records = np.empty(len(bias), RECORD)
    records["bias"] = bias
    records["multiplier"] = rescale.multiplier
    records["shift"] = rescale.shift
    return records.tobytes()
