# SPDX-License-Identifier: Apache-2.0
"""Numbers in strings of bits: unary with and without a cut, and of fixed width. A string of bits is a bool array."""

import functools
from collections.abc import Iterable

import numpy as np

from npuc.errors import ProgramError


def damaged() -> ProgramError:
    """What is raised for bits that contradict one another."""
    return ProgramError("packed weights are damaged", wanted="a stream as the packer writes it")


def unary(quotient: np.ndarray, cut: bool) -> np.ndarray:
    """Ones for each quotient, each ended by a zero; cut: 0, 10, 11."""
    if cut:
        lengths = np.minimum(quotient + 1, 2)
        ends = np.cumsum(lengths)
        bits = np.ones(int(ends[-1]), bool)
        bits[ends[quotient < 2] - 1] = False
        return bits
    ends = np.cumsum(quotient + 1)
    bits = np.ones(int(ends[-1]), bool)
    bits[ends - 1] = False
    return bits


def read_unary(bits: np.ndarray, count: int, cut: bool) -> np.ndarray:
    """`count` quotients that are all of `bits`.

    Raises:
        ProgramError: the bits are no such numbers.
    """
    if not cut:
        ends = np.flatnonzero(~bits)
        if len(ends) != count or (count and ends[-1] != len(bits) - 1):
            raise damaged()
        return np.diff(ends, prepend=-1) - 1
    starts = _cut_starts(bits)
    if len(starts) != count or (count and bits[-1] and starts[-1] == len(bits) - 1):
        raise damaged()
    return _cut_values(bits, starts)


def unary_prefix(bits: np.ndarray, count: int, cut: bool) -> tuple[np.ndarray, int]:
    """The first `count` quotients of `bits`, and how many bits they take.

    Raises:
        ProgramError: there are fewer.
    """
    if not count:
        return np.zeros(0, np.int64), 0
    if cut:
        bits = bits[: 2 * count]
        starts = _cut_starts(bits)[:count]
        length = int(starts[-1]) + 1 + int(bits[starts[-1]]) if len(starts) == count else len(bits) + 1
        if length > len(bits):
            raise damaged()
        return _cut_values(bits, starts), length
    reach = 4 * count + 64
    while True:
        ends = np.flatnonzero(~bits[:reach])
        if len(ends) >= count:
            return np.diff(ends[:count], prepend=-1) - 1, int(ends[count - 1]) + 1
        if reach >= len(bits):
            raise damaged()
        reach *= 4


def _cut_starts(bits: np.ndarray) -> np.ndarray:
    """First bit of each 0, 10 or 11: 0 stands alone, behind a one the next bit belongs to it, so runs of ones decide which bit is which."""
    position = np.arange(len(bits))
    # bits since the last zero (or the beginning): a symbol starts at every even one, and behind a run of even length
    zeros = np.where(~bits, position, -1)
    before = np.concatenate(([-1], np.maximum.accumulate(zeros)[:-1])) if len(bits) else position
    return position[(position - before - 1) % 2 == 0]


def _cut_values(bits: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.where(~bits[starts], 0, np.where(bits[np.minimum(starts + 1, len(bits) - 1)], 2, 1))


def fixed(values: np.ndarray, width: int) -> np.ndarray:
    """Values as `width` bits each, most significant first; `width`: at most 16."""
    return _patterns(width).take(values, axis=0).ravel()


@functools.cache
def _patterns(width: int) -> np.ndarray:
    return ((np.arange(1 << width)[:, None] >> np.arange(width - 1, -1, -1)) & 1).astype(bool)


def head(numbers: Iterable[tuple[int, int]]) -> np.ndarray:
    """(value, width) one behind the other, as `fixed` writes them."""
    text = "".join(f"{value:0{width}b}" for value, width in numbers if width)
    return np.frombuffer(text.encode(), np.uint8) == ord("1")


def read_fixed(bits: np.ndarray, count: int, width: int) -> np.ndarray:
    """The inverse of `fixed`.

    Raises:
        ProgramError: there are more or fewer bits.
    """
    if len(bits) != count * width:
        raise damaged()
    return bits.reshape(count, width) @ (1 << np.arange(width - 1, -1, -1)) if width else np.zeros(count, np.int64)
