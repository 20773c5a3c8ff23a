# SPDX-License-Identifier: Apache-2.0
"""Packed weights as program files of format 1.2 to 1.4 have them: read only.

A head of 8 bytes (order, number of streams), the size of each stream, then the streams on multiples of 16 bytes. A stream has a head of its
own, a palette of u16, a table of sections (weights u24, code u8, unary bits u32), and unary parts and remainders of every section.
"""

import struct

import numpy as np

from npuc.numerics import weight_order
from npuc.numerics.weight_bits import damaged, read_fixed, read_unary
from npuc.numerics.weight_order import Order
from npuc.numerics.weight_sections import BINARY, CUT, PALETTE, ZERO_CODES

_ALIGN = 16
_HEAD = struct.Struct("<BBHI")
_STREAM = struct.Struct("<IIIBBBBHHI")
# all channels pass as one block, kernels of any size as one piece
_WHOLE = (1 << 32, 1 << 32)


def unpack(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Weights i16 [O, KH, KW, C] less their zero point.

    Raises:
        ProgramError: the bytes are no such streams.
    """
    if len(data) < _HEAD.size:
        raise damaged()
    code, count, _, _ = _HEAD.unpack_from(data)
    if code > Order.DEPTHWISE or not 1 <= count <= shape[0] or _HEAD.size + 4 * count > len(data):
        raise damaged()
    order = Order(code)
    if (order is Order.DEPTHWISE) > (shape[3] == 1):
        raise damaged()
    found = np.empty(shape, np.int16)
    at = -(-(_HEAD.size + 4 * count) // _ALIGN) * _ALIGN
    for core, (size,) in enumerate(struct.iter_unpack("<I", data[_HEAD.size : _HEAD.size + 4 * count])):
        part = found[core::count].shape
        values = _decode_stream(data[at : at + size], weight_order.size(part, order, *_WHOLE))
        found[core::count] = weight_order.restored(values, part, order, *_WHOLE)
        at += size
    if at > len(data):
        raise damaged()
    return found


def _decode_stream(data: bytes, count: int) -> np.ndarray:
    """i16 [count].

    Raises:
        ProgramError: lengths and positions that contradict one another.
    """
    if len(data) < _STREAM.size:
        raise damaged()
    total, kept, zero_unary, zero_runs, zero_code, size, direct, sections, binary_bits, _ = _STREAM.unpack_from(data)
    at = _STREAM.size + 2 * size + 8 * sections
    if total != count or kept > count or at > len(data) or size > PALETTE or binary_bits > 16 or zero_code >= ZERO_CODES:
        raise damaged()
    palette = np.frombuffer(data, "<u2", size, _STREAM.size).astype(np.int64)
    bits = np.unpackbits(np.frombuffer(data, np.uint8, len(data) - at, at)).astype(bool)
    position, pieces = 0, []

    def take(length: int) -> np.ndarray:
        nonlocal position
        if length < 0 or position + length > len(bits):
            raise damaged()
        position += length
        return bits[position - length : position]

    left = kept
    for number in range(sections):
        start = _STREAM.size + 2 * size + 8 * number
        weights, code = int.from_bytes(data[start : start + 3], "little"), data[start + 3]
        (unary,) = struct.unpack_from("<I", data, start + 4)
        if weights > left or code > BINARY:
            raise damaged()
        left -= weights
        if code == BINARY:
            pieces.append(read_fixed(take(weights * binary_bits), weights, binary_bits))
            continue
        quotient = read_unary(take(unary), weights, code >= CUT)
        pieces.append((quotient << code % CUT) + read_fixed(take(weights * (code % CUT)), weights, code % CUT))
    index = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
    folded = np.where(index < size, palette[np.minimum(index, size - 1)] if size else 0, index - size + direct)
    if left or (len(folded) and not 0 <= int(folded.min()) <= int(folded.max()) < 512):
        raise damaged()
    values = np.where(folded & 1, -(folded >> 1), folded >> 1).astype(np.int16)
    if not zero_runs:
        if kept != count:
            raise damaged()
        return values
    quotient = read_unary(take(zero_unary), kept + 1, False)
    runs = (quotient << zero_code) + read_fixed(take((kept + 1) * zero_code), kept + 1, zero_code)
    if int(runs.sum()) + kept != count:
        raise damaged()
    found = np.zeros(count, np.int16)
    found[np.cumsum(runs[:-1] + 1) - 1] = values
    return found
