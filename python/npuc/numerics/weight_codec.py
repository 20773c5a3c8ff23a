# SPDX-License-Identifier: Apache-2.0
"""Lossless compression of weights for machines whose MAC unit decodes them.

A stream holds the weights of one core (output channels core, core + cores, ...) less their zero point, in the order in which an array of
micro-blocks consumes them, padded with zeros to whole micro-blocks: blocks of 128 output channels over all cores, and in them depth-first
32 input channels at a time, in parts of the kernel 8 channels by 4 taps, or 4 taps of a depthwise kernel.

Every 131072 weights are a part of their own. Where zeros come mostly in runs and are by far the most frequent, the lengths of the runs
before each other weight are coded apart. A weight then becomes its place in a palette of the up to 32 most frequent ones, where these are
at least half of all; what the palette lacks, or everything where there is none, is 0, -1, 1, -2, 2, ... counted behind it. Such an index
is coded in sections, each with its own of 13 codes: Golomb-Rice with 0..5 remainder bits, the same cut off at two quotient bits, or plain
binary. Unary parts and remainders stand apart, so that numpy decodes a section at once. `npuc.numerics.weight_sections` chooses all this.

All parts are one string of bits, most significant first, behind a byte each for the order and the number of streams:

    zero runs apart 1 (| remainder bits of the runs 2 | coded weights 18) | palette entries 6 | bits of an entry 4 | direct 5 | entries
    sections: last 1 (| weights less one 17, but of the last) | code 4 (| width 4 of plain binary)
    unary part and remainders of every section, then of the zero runs

The stream is filled up to the bytes that the reference encoder of the parity machines needs for the same weights, and a little more (see
docs/machine.md): a machine that we compare on must not decode denser streams than the one it stands for.
"""

import functools

import numpy as np

from npuc.numerics import weight_codec_1_2, weight_order
from npuc.numerics.weight_bits import damaged, fixed, head, read_fixed, unary, unary_prefix
from npuc.numerics.weight_order import Order, order_of
from npuc.numerics.weight_sections import BINARY, CUT, PALETTE, PART, Part, plan

__all__ = ["ALIGN", "Order", "order_of", "pack", "unpack"]

ALIGN = 16

_BLOCK = 128
_END_BITS = 3
# in the first byte: streams of format 1.2 to 1.4 begin with an order alone
_MARK = 0x80
_LENGTH_BITS = (PART - 1).bit_length()


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _block(core: int, cores: int) -> int:
    """Output channels of a core that pass before the next ones do."""
    return max((_BLOCK + cores - 1 - core) // cores, 1)


def _reserve(size: int, cut: bool) -> int:
    """Bytes over the `size` of a stream of the reference: it depends on how the reference's compiler cuts a layer into blocks and pieces.

    Where it cuts weights into pieces of output channels, to bring them in one by one, each piece is a stream with a head, a palette and
    filling of its own. Its blocks change the order a little.
    """
    return min(size // 20, 80 + size // 800, 160) if cut else min(size // 400, 16)


# parts ---------------------------------------------------------------------------------------------


def _encode(part: Part) -> list[np.ndarray]:
    """The bits of a part."""
    numbers = [(int(part.runs is not None), 1)]
    if part.runs is not None:
        numbers += [(part.zero_code, 2), (len(part.index), _LENGTH_BITS + 1)]
    numbers += [(len(part.palette), 6), (part.entry_bits, 4), (part.direct, 5)]
    numbers += [(entry, part.entry_bits) for entry in part.palette.tolist()]
    bits, start = [], 0
    for end, code in part.sections:
        numbers += [(1, 1)] if end == len(part.index) else [(0, 1), (end - start - 1, _LENGTH_BITS)]
        numbers += [(code, 4), *([(part.binary_bits, 4)] if code == BINARY else [])]
        piece, start = part.index[start:end], end
        bits += [fixed(piece, part.binary_bits)] if code == BINARY else _golomb(piece, code % CUT, code >= CUT)
    if part.runs is not None:
        bits += _golomb(part.runs, part.zero_code, False)
    return [head(numbers), *bits]


def _golomb(values: np.ndarray, width: int, cut: bool) -> list[np.ndarray]:
    bits = [unary(values >> width, cut)]
    return [*bits, fixed(values & ((1 << width) - 1), width)] if width else bits


class _Reader:
    """Takes bits from the front."""

    def __init__(self, data: bytes) -> None:
        self.bits, self.at = np.unpackbits(np.frombuffer(data, np.uint8)).astype(bool), 0

    def take(self, length: int) -> np.ndarray:
        if self.at + length > len(self.bits):
            raise damaged()
        self.at += length
        return self.bits[self.at - length : self.at]

    def number(self, width: int) -> int:
        return int(self.numbers(1, width)[0])

    def numbers(self, count: int, width: int) -> np.ndarray:
        return read_fixed(self.take(count * width), count, width)

    def golomb(self, count: int, width: int, cut: bool) -> np.ndarray:
        quotient, length = unary_prefix(self.bits[self.at :], count, cut)
        self.at += length
        return (quotient << width) + self.numbers(count, width)


def _decode(reader: _Reader, count: int) -> np.ndarray:
    """The next part, i16 [count].

    Raises:
        ProgramError: lengths and positions that contradict one another.
    """
    apart, zero_code, kept = reader.number(1), 0, count
    if apart:
        zero_code, kept = reader.number(2), reader.number(_LENGTH_BITS + 1)
    size, entry_bits, direct = reader.number(6), reader.number(4), reader.number(5)
    if size > PALETTE or kept > count:
        raise damaged()
    palette = reader.numbers(size, entry_bits)
    sections, left = [], kept
    while left:
        last = reader.number(1)
        length = left if last else reader.number(_LENGTH_BITS) + 1
        code = reader.number(4)
        if length > left or code > BINARY or (length == left and not last):
            raise damaged()
        sections.append((length, code, reader.number(4) if code == BINARY else code % CUT))
        left -= length
    pieces = [
        reader.numbers(length, width) if code == BINARY else reader.golomb(length, width, code >= CUT) for length, code, width in sections
    ]
    index = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
    folded = np.where(index < size, palette[np.minimum(index, size - 1)] if size else 0, index - size + direct)
    if len(folded) and not 0 <= int(folded.min()) <= int(folded.max()) < 512:
        raise damaged()
    values = np.where(folded & 1, -(folded >> 1), folded >> 1).astype(np.int16)
    if not apart:
        return values
    runs = reader.golomb(kept + 1, zero_code, False)
    if int(runs.sum()) + kept != count:
        raise damaged()
    found = np.zeros(count, np.int16)
    found[np.cumsum(runs[:-1] + 1) - 1] = values
    return found


# weights -------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _pack(data: bytes, shape: tuple[int, ...], zero_point: int, depthwise: bool, cores: int, cut: bool) -> bytes:
    order = order_of(shape, depthwise)
    centred = np.frombuffer(data, np.int8).reshape(shape).astype(np.int16) - np.int16(zero_point)
    bits, least = [], 0
    streams = min(cores, shape[0], 255)
    for core in range(streams):
        values = weight_order.ordered(centred[core::streams], order, _block(core, streams))
        parts = [plan(values[start : start + PART]) for start in range(0, len(values), PART)]
        bits += [piece for part in parts for piece in _encode(part)]
        size = _up(sum(part.reference_bits for part in parts) + _END_BITS, 8 * ALIGN) // 8
        least += size + _reserve(size, cut)
    packed = bytes((_MARK | order, streams)) + np.packbits(np.concatenate(bits)).tobytes()
    return packed + bytes(_up(max(len(packed), least), ALIGN) - len(packed))


def pack(weights: np.ndarray, zero_point: int, depthwise: bool, cores: int, *, cut: bool = True) -> bytes:
    """The streams of all cores behind one head.

    Args:
        weights: i8 [O, KH, KW, C]; a depthwise kernel as [C * M, KH, KW, 1].
        zero_point: what a product with a zero weight has.
        cores: streams; core n has the output channels n, n + cores, ...
        cut: the reference's compiler may bring such weights in several pieces: all but those of a fully connected layer.
    """
    return _pack(weights.tobytes(), weights.shape, zero_point, depthwise, cores, cut)


@functools.lru_cache(maxsize=64)
def _unpack(data: bytes, shape: tuple[int, ...], zero_point: int) -> np.ndarray:
    if len(data) < 2:
        raise damaged()
    weights = (_streams(data, shape) if data[0] & _MARK else weight_codec_1_2.unpack(data, shape)) + zero_point
    if weights.min() < -128 or weights.max() > 127:
        raise damaged()
    weights = weights.astype(np.int8)
    weights.setflags(write=False)
    return weights


def _streams(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """i16 [O, KH, KW, C] less the zero point."""
    code, count = data[0] & ~_MARK, data[1]
    if code > Order.DEPTHWISE or not 1 <= count <= shape[0] or (code == Order.DEPTHWISE) > (shape[3] == 1):
        raise damaged()
    order, reader = Order(code), _Reader(data[2:])
    found = np.empty(shape, np.int16)
    for core in range(count):
        part, block = found[core::count].shape, _block(core, count)
        left, parts = weight_order.size(part, order, block), []
        while left:
            parts.append(_decode(reader, min(left, PART)))
            left -= len(parts[-1])
        found[core::count] = weight_order.restored(np.concatenate(parts), part, order, block)
    return found


def unpack(data: bytes, shape: tuple[int, int, int, int], zero_point: int) -> np.ndarray:
    """The weights i8 [O, KH, KW, C] in what `pack` made; streams of older files are read too.

    Raises:
        ProgramError: the bytes are no such streams.
    """
    return _unpack(data, shape, zero_point)
