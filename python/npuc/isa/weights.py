# SPDX-License-Identifier: Apache-2.0
"""Constant weights of a MAC instruction: as they are, or packed for machines that decode them (`npuc.numerics.weight_codec`)."""

from collections.abc import Iterator

import numpy as np

from npuc.isa.base import Operand, Shape4
from npuc.numerics import weight_codec
from npuc.targets.base import Target

PACKED_DOC = "1: the weights are a packed stream i8 [1, 1, 1, bytes], and the kernel's extents are fields of their own"


def packing_problems(weights: Operand, kernel: tuple[int, int]) -> Iterator[str]:
    """What is not well formed of packed weights."""
    if weights.shape[:3] != (1, 1, 1) or weights.traffic_bytes(1) != weights.elements or len(weights.extents()) != 1:
        yield f"packed weights are {weights.shape}, wanted plain bytes [1, 1, 1, bytes]"
    if min(kernel) < 1:
        yield f"kernel of packed weights is {kernel}, wanted at least 1x1"


def packing_limits(packed: int, target: Target) -> Iterator[str]:
    """Which machines take packed weights."""
    if packed and not target.array.decoded_weights:
        yield f"weights are packed, {target.name} has no decoder"


def unpacked(weights: Operand, memory: np.ndarray, shape: Shape4, zero_point: int) -> np.ndarray:
    """The weights i8 [O, KH, KW, C] of a stream.

    Raises:
        ProgramError: the bytes are no such stream.
    """
    return weight_codec.unpack(weights.read(memory).tobytes(), shape, zero_point)
