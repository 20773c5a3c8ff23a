# SPDX-License-Identifier: Apache-2.0
"""Sizes of packed parameters: planning, tiling and placing ask for the same ones, and to pack them is the only way to know."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from npuc.ops.base import OpSpec
from npuc.targets.base import Target

# sizes that are remembered at most
REMEMBERED = 8192

_sizes: OrderedDict[tuple, int] = OrderedDict()


def packed_bytes(spec: OpSpec, target: Target, arrays: Sequence[np.ndarray]) -> int:
    """Bytes of `spec.pack_for(target, *arrays)`, the parameters of a tile whose first operand among them is the weights."""
    if not target.array.decoded_weights:
        return spec.param_bytes()
    weights = np.ascontiguousarray(arrays[0])
    # all that a size depends on: records are as many as output channels, whatever they say
    key = (spec.name, target.name, weights.shape, getattr(spec, "zp_w", 0), hashlib.blake2b(weights, digest_size=16).digest())
    found = _sizes.get(key)
    if found is None:
        found = _sizes[key] = len(spec.pack_for(target, *map(np.ascontiguousarray, arrays)))
        if len(_sizes) > REMEMBERED:
            _sizes.popitem(last=False)
    return found
