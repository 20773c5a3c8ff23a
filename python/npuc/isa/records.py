# SPDX-License-Identifier: Apache-2.0
"""Scale records: what the output path needs of each channel, 10 packed little-endian bytes (bias i32, multiplier i32, shift u16)."""

from collections.abc import Iterator

import numpy as np

from npuc.errors import SimulationError
from npuc.isa.base import DType, Operand
from npuc.numerics.scales import MULTIPLIER_END, SHIFT_MAX, SHIFT_MIN

RECORD = np.dtype([("bias", "<i4"), ("multiplier", "<i4"), ("shift", "<u2")])


def pack_scales(bias: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> bytes:
    """Records of len(bias) channels; multiplier and shift broadcast from one entry."""
    records = np.empty(len(bias), RECORD)
    records["bias"], records["multiplier"], records["shift"] = bias, multiplier, shift
    return records.tobytes()


def unpack_scales(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bias, multiplier and shift as i32 [O] from i8 [1, 1, O, 10].

    Raises:
        SimulationError: a record that no rescale has.
    """
    records = np.ascontiguousarray(packed).view(np.uint8).reshape(-1).view(RECORD)
    bias, multiplier, shift = (np.ascontiguousarray(records[name], np.int32) for name in ("bias", "multiplier", "shift"))
    if (multiplier < 0).any():
        raise SimulationError("a scale record has a bad multiplier", found=int(multiplier.min()), wanted="0 or more")
    if ((shift < SHIFT_MIN) | (shift > SHIFT_MAX)).any():
        raise SimulationError("a scale record has a bad shift", found=f"{shift.min()}..{shift.max()}", wanted=f"{SHIFT_MIN}..{SHIFT_MAX}")
    return bias, multiplier, shift


# what instructions say of themselves: each yields sentences for `Instruction.problems` ---------------------------------------


def dtype_problems(subject: str, view: Operand, *wanted: DType) -> Iterator[str]:
    """`view` has one of the wanted dtypes, where it is present."""
    if view.present and view.dtype not in wanted:
        yield f"{subject} is {view.dtype.name.lower()}, wanted {' or '.join(kind.name.lower() for kind in wanted)}"


def shape_problems(subject: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[str]:
    """Two shapes are equal."""
    if found != wanted:
        yield f"{subject} is {'x'.join(map(str, found))}, wanted {'x'.join(map(str, wanted))}"


def scale_problems(subject: str, multiplier: int, shift: int) -> Iterator[str]:
    """A multiplier and shift that a rescale has."""
    if not 0 <= multiplier < MULTIPLIER_END:
        yield f"{subject} multiplier is {multiplier}, wanted 0..2**31-1"
    if not SHIFT_MIN <= shift <= SHIFT_MAX:
        yield f"{subject} shift is {shift}, wanted {SHIFT_MIN}..{SHIFT_MAX}"


def clamp_problems(dtype: DType, zp_out: int, lo: int, hi: int) -> Iterator[str]:
    """Bounds in order and within `dtype`."""
    low, high = limits(dtype)
    if not low <= lo <= hi <= high:
        yield f"bounds are {lo}..{hi}, wanted lo <= hi within {low}..{high}"
    if not low <= zp_out <= high:
        yield f"zp_out is {zp_out}, wanted {low}..{high}"


def zero_point_problems(subject: str, dtype: DType, zero_point: int) -> Iterator[str]:
    """A zero point that `dtype` can hold."""
    low, high = limits(dtype)
    if not low <= zero_point <= high:
        yield f"{subject} is {zero_point}, wanted {low}..{high}"


def limits(dtype: DType) -> tuple[int, int]:
    """Least and greatest value of an integer type."""
    if dtype is DType.UI8:
        return 0, 255
    bits = dtype.bytes * 8 - 1
    return -(1 << bits), (1 << bits) - 1
