# SPDX-License-Identifier: Apache-2.0
"""Lossless compression of weights for machines whose MAC unit decodes them.

A stream holds the weights of one core (output channels core, core + cores, ...) less their zero point, in the order in which an array of
micro-blocks consumes them, padded with zeros to whole micro-blocks: depth-first 32 input channels at a time, in parts of the kernel 8
channels by 4 taps, or 4 taps of a depthwise kernel.

Where zeros come mostly in runs and are by far the most frequent, the lengths of the runs before each other weight are coded apart. A
weight then becomes its place in a palette of the up to 32 most frequent ones, where these are at least half of all; what the palette
lacks, or everything where there is none, is 0, -1, 1, -2, 2, ... counted behind it. Such an index is coded in sections, each with its own
of 13 codes: Golomb-Rice with 0..5 remainder bits, the same cut off at two quotient bits, or plain binary. Unary parts and remainders stand
apart, so that numpy decodes a section at once.

The reserve at the end of a stream keeps it no shorter than what the reference encoder of the parity machines makes of the same weights
(see docs/machine.md): a machine that we compare on must not decode denser streams than the one it stands for.
"""

import enum
import functools
import struct

import numpy as np

from npuc.errors import ProgramError

PALETTE = 32
SEGMENT = 256
"""Weights after which the code may change."""

SECTION_BITS = 64
"""What a section costs beside its weights."""

ALIGN = 16

MAX_QUOTIENT = 31

_HEAD = struct.Struct("<BBHI")
_STREAM = struct.Struct("<IIIBBBBHHI")
_SECTION = struct.Struct("<IHBB")
_CUT = 6
_BINARY = 12
_ZERO_CODES = 4


class Order(enum.IntEnum):
    """In which order the array takes the weights."""

    DEPTH_FIRST = 0
    PART_KERNEL = 1
    DEPTHWISE = 2


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def order_of(shape: tuple[int, ...], depthwise: bool) -> Order:
    """The order that wastes fewer products for weights [O, KH, KW, C]."""
    if depthwise:
        return Order.DEPTHWISE
    _, height, width, depth = shape
    taps = height * width
    # busy share of the array: depth / up(depth, 32) against taps and depth in fours and eights
    if depth <= 8 or taps * depth * _up(depth, 32) >= depth * _up(taps, 4) * _up(depth, 8):
        return Order.PART_KERNEL
    return Order.DEPTH_FIRST


def _padded(shape: tuple[int, ...], order: Order) -> tuple[int, int, int]:
    """Output channels, taps, input channels of what the array consumes for weights [O, KH, KW, C]."""
    out, height, width, depth = shape
    taps = height * width
    if order is Order.DEPTHWISE:
        return _up(out, 8), _up(taps, 4), 1
    if order is Order.PART_KERNEL:
        return _up(out, 8), _up(taps, 4), _up(depth, 8)
    return _up(out, 8), taps, _up(depth, 32)


def _ordered(weights: np.ndarray, order: Order) -> np.ndarray:
    """[O, KH, KW, C] -> the padded stream, flat."""
    out, height, width, depth = weights.shape
    wide = np.zeros(_padded(weights.shape, order), weights.dtype)
    wide[:out, : height * width, :depth] = weights.reshape(out, height * width, depth)
    outs, taps, depths = wide.shape
    if order is Order.DEPTHWISE:
        return wide.reshape(outs // 8, 8, taps).transpose(0, 2, 1).ravel()
    if order is Order.PART_KERNEL:
        return wide.reshape(outs // 8, 8, taps, depths // 8, 8).transpose(3, 0, 2, 1, 4).ravel()
    return wide.reshape(outs // 8, 8, taps, depths // 32, 4, 8).transpose(3, 0, 2, 4, 1, 5).ravel()


def _restored(stream: np.ndarray, shape: tuple[int, ...], order: Order) -> np.ndarray:
    """The inverse of `_ordered`."""
    out, height, width, depth = shape
    outs, taps, depths = _padded(shape, order)
    if order is Order.DEPTHWISE:
        wide = stream.reshape(outs // 8, taps, 8).transpose(0, 2, 1)
    elif order is Order.PART_KERNEL:
        wide = stream.reshape(depths // 8, outs // 8, taps, 8, 8).transpose(1, 3, 2, 0, 4)
    else:
        wide = stream.reshape(depths // 32, outs // 8, taps, 4, 8, 8).transpose(1, 4, 2, 0, 3, 5)
    return wide.reshape(outs, taps, depths)[:out, : height * width, :depth].reshape(shape)


# codes ---------------------------------------------------------------------------------------------


def _bit_costs(index: np.ndarray, binary_bits: int) -> np.ndarray:
    """Bits of every segment under each code, i64 [13, segments]; a large number where the code cannot hold a value."""
    starts = np.arange(0, len(index), SEGMENT)
    sizes = np.diff(np.append(starts, len(index)))
    largest = np.maximum.reduceat(index, starts)
    never = np.int64(1) << 40
    costs = np.full((_BINARY + 1, len(starts)), never)
    for bits in range(_CUT):
        quotient = index >> bits
        costs[bits] = np.where(
            largest >> bits <= MAX_QUOTIENT, np.add.reduceat(quotient, starts, dtype=np.int64) + sizes * (1 + bits), never
        )
        cut = np.add.reduceat(np.minimum(quotient + 1, 2), starts, dtype=np.int64) + sizes * bits
        costs[_CUT + bits] = np.where(largest >> bits <= 2, cut, never)
    if binary_bits:
        costs[_BINARY] = sizes * binary_bits
    return costs


def _sections(index: np.ndarray, binary_bits: int) -> list[tuple[int, int, int]]:
    """(start, stop, code): the code changes where a segment gains more than a section costs; one section where that is shorter."""
    costs = _bit_costs(index, binary_bits)
    whole = costs.sum(axis=1)
    current = int(whole.argmin())
    found, start, total = [], 0, SECTION_BITS
    for segment in range(costs.shape[1]):
        best = int(costs[:, segment].argmin())
        if costs[best, segment] + SECTION_BITS < costs[current, segment]:
            if segment:
                found.append((start, segment * SEGMENT, current))
                total += SECTION_BITS
            start, current = segment * SEGMENT, best
        total += int(costs[current, segment])
    if total >= int(whole.min()) + SECTION_BITS:
        return [(0, len(index), int(whole.argmin()))]
    return [*found, (start, len(index), current)]


def _unary(quotient: np.ndarray, cut: bool) -> np.ndarray:
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


def _read_unary(bits: np.ndarray, count: int, cut: bool) -> np.ndarray:
    """`count` quotients.

    Raises:
        ProgramError: the bits are no such numbers.
    """
    if not cut:
        ends = np.flatnonzero(~bits)
        if len(ends) != count or (count and ends[-1] != len(bits) - 1):
            raise _damaged()
        return np.diff(ends, prepend=-1) - 1
    # 0 stands alone; behind a one the next bit belongs to it: runs of ones decide which bit is which
    starts = _cut_starts(bits, count)
    return np.where(~bits[starts], 0, np.where(bits[np.minimum(starts + 1, len(bits) - 1)], 2, 1))


def _cut_starts(bits: np.ndarray, count: int) -> np.ndarray:
    """First bit of each 0, 10 or 11."""
    position = np.arange(len(bits))
    # bits since the last zero (or the beginning): a symbol starts at every even one, and behind a run of even length
    zeros = np.where(~bits, position, -1)
    before = np.concatenate(([-1], np.maximum.accumulate(zeros)[:-1])) if len(bits) else position
    starts = position[(position - before - 1) % 2 == 0]
    if len(starts) != count or (count and bits[-1] and (len(bits) - 1 - before[-1] - 1) % 2 == 0):
        raise _damaged()
    return starts


def _fixed(values: np.ndarray, width: int) -> np.ndarray:
    """Values as `width` bits each, most significant first."""
    return ((values[:, None] >> np.arange(width - 1, -1, -1)) & 1).astype(bool).ravel()


def _read_fixed(bits: np.ndarray, count: int, width: int) -> np.ndarray:
    if len(bits) != count * width:
        raise _damaged()
    return bits.reshape(count, width) @ (1 << np.arange(width - 1, -1, -1)) if width else np.zeros(count, np.int64)


def _damaged() -> ProgramError:
    return ProgramError("packed weights are damaged", wanted="a stream as the packer writes it")


# streams -------------------------------------------------------------------------------------------


def _encode_stream(values: np.ndarray) -> bytes:
    """One core's stream: i16 in [-255, 255], in order."""
    counts = np.bincount(values + 256, minlength=513)
    others = counts.copy()
    others[256] = 0
    edges = np.concatenate(([-1], np.flatnonzero(values), [len(values)]))
    runs = np.diff(edges) - 1
    in_runs = runs[runs >= 2].sum()
    zero_runs = bool(in_runs >= counts[256] // 2 and counts[256] > 5 * others.max())
    kept = values[values != 0] if zero_runs else values
    folded = (np.abs(kept.astype(np.int64)) << 1) | (kept < 0)
    used = np.bincount(folded, minlength=512)
    frequent = np.argsort(-used, kind="stable")[:PALETTE]
    frequent = frequent[used[frequent] > 0]
    direct = int(min(np.flatnonzero(used)[0], 30)) if len(kept) else 0
    palette = frequent if used[frequent].sum() >= len(kept) // 2 else frequent[:0]
    table = np.arange(512) + len(palette) - direct
    table[palette] = np.arange(len(palette))
    index = table[folded]
    everything = len(palette) and int(used[palette].sum()) == len(kept)
    largest = int(index.max()) if len(index) else 0
    binary_bits = max(largest.bit_length(), 1) if everything or not len(palette) else 0
    sections, parts = [], []
    for start, stop, code in _sections(index, binary_bits) if len(index) else []:
        piece = index[start:stop]
        if code == _BINARY:
            parts.append(_fixed(piece, binary_bits))
            unary = 0
        else:
            bits = _unary(piece >> code % _CUT, code >= _CUT)
            unary = len(bits)
            parts += [bits, _fixed(piece & ((1 << code % _CUT) - 1), code % _CUT)]
        # 24 bits each for weights and unary bits would do; the spare byte is the code
        sections.append((stop - start, unary, code))
    zero_code = zero_unary = 0
    if zero_runs:
        zero_code = min(range(_ZERO_CODES), key=lambda bits: int((runs >> bits).sum()) + len(runs) * bits)
        bits = _unary(runs >> zero_code, False)
        zero_unary = len(bits)
        parts += [bits, _fixed(runs & ((1 << zero_code) - 1), zero_code)]
    head = _STREAM.pack(len(values), len(kept), zero_unary, zero_runs, zero_code, len(palette), direct, len(sections), binary_bits, 0)
    table_bytes = b"".join(struct.pack("<I", count)[:3] + bytes((code,)) + struct.pack("<I", unary) for count, unary, code in sections)
    body = np.packbits(np.concatenate(parts)).tobytes() if parts else b""
    data = head + palette.astype("<u2").tobytes() + table_bytes + body
    return data + bytes(_up(len(data) + _reserve(len(data)), ALIGN) - len(data))


def _reserve(size: int) -> int:
    """Bytes kept free behind a stream of `size` bytes; see the head of this file."""
    return (192 if size < 4096 else 96) + size // 128


def _decode_stream(data: bytes, count: int) -> np.ndarray:
    """i16 [count].

    Raises:
        ProgramError: lengths and positions that contradict one another.
    """
    if len(data) < _STREAM.size:
        raise _damaged()
    total, kept, zero_unary, zero_runs, zero_code, size, direct, sections, binary_bits, _ = _STREAM.unpack_from(data)
    at = _STREAM.size + 2 * size + 8 * sections
    if total != count or kept > count or at > len(data) or size > PALETTE or binary_bits > 16 or zero_code >= _ZERO_CODES:
        raise _damaged()
    palette = np.frombuffer(data, "<u2", size, _STREAM.size).astype(np.int64)
    bits = np.unpackbits(np.frombuffer(data, np.uint8, len(data) - at, at)).astype(bool)
    position, pieces = 0, []

    def take(length: int) -> np.ndarray:
        nonlocal position
        if length < 0 or position + length > len(bits):
            raise _damaged()
        position += length
        return bits[position - length : position]

    left = kept
    for number in range(sections):
        start = _STREAM.size + 2 * size + 8 * number
        weights, code = int.from_bytes(data[start : start + 3], "little"), data[start + 3]
        (unary,) = struct.unpack_from("<I", data, start + 4)
        if weights > left or code > _BINARY:
            raise _damaged()
        left -= weights
        if code == _BINARY:
            pieces.append(_read_fixed(take(weights * binary_bits), weights, binary_bits))
            continue
        quotient = _read_unary(take(unary), weights, code >= _CUT)
        pieces.append((quotient << code % _CUT) + _read_fixed(take(weights * (code % _CUT)), weights, code % _CUT))
    index = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
    folded = np.where(index < size, palette[np.minimum(index, size - 1)] if size else 0, index - size + direct)
    if left or (len(folded) and not 0 <= int(folded.min()) <= int(folded.max()) < 512):
        raise _damaged()
    values = np.where(folded & 1, -(folded >> 1), folded >> 1).astype(np.int16)
    if not zero_runs:
        if kept != count:
            raise _damaged()
        return values
    quotient = _read_unary(take(zero_unary), kept + 1, False)
    runs = (quotient << zero_code) + _read_fixed(take((kept + 1) * zero_code), kept + 1, zero_code)
    if int(runs.sum()) + kept != count:
        raise _damaged()
    found = np.zeros(count, np.int16)
    found[np.cumsum(runs[:-1] + 1) - 1] = values
    return found


# weights -------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _pack(data: bytes, shape: tuple[int, ...], zero_point: int, depthwise: bool, cores: int) -> bytes:
    order = order_of(shape, depthwise)
    centred = np.frombuffer(data, np.int8).reshape(shape).astype(np.int16) - zero_point
    streams = [_encode_stream(_ordered(centred[core::cores], order)) for core in range(min(cores, shape[0]))]
    head = _HEAD.pack(order, len(streams), 0, 0) + b"".join(struct.pack("<I", len(stream)) for stream in streams)
    return head + bytes(_up(len(head), ALIGN) - len(head)) + b"".join(streams)


def pack(weights: np.ndarray, zero_point: int, depthwise: bool, cores: int) -> bytes:
    """The streams of all cores behind one head.

    Args:
        weights: i8 [O, KH, KW, C]; a depthwise kernel as [C * M, KH, KW, 1].
        zero_point: what a product with a zero weight has.
        cores: streams; core n has the output channels n, n + cores, ...
    """
    return _pack(weights.tobytes(), weights.shape, zero_point, depthwise, cores)


@functools.lru_cache(maxsize=64)
def _unpack(data: bytes, shape: tuple[int, ...], zero_point: int) -> np.ndarray:
    if len(data) < _HEAD.size:
        raise _damaged()
    code, count, _, _ = _HEAD.unpack_from(data)
    if code > Order.DEPTHWISE or not 1 <= count <= shape[0] or _HEAD.size + 4 * count > len(data):
        raise _damaged()
    order = Order(code)
    if (order is Order.DEPTHWISE) > (shape[3] == 1):
        raise _damaged()
    found = np.empty(shape, np.int16)
    at = _up(_HEAD.size + 4 * count, ALIGN)
    for core, (size,) in enumerate(struct.iter_unpack("<I", data[_HEAD.size : _HEAD.size + 4 * count])):
        part = found[core::count].shape
        outs, taps, depths = _padded(part, order)
        found[core::count] = _restored(_decode_stream(data[at : at + size], outs * taps * depths), part, order)
        at += size
    if at > len(data):
        raise _damaged()
    weights = found + zero_point
    if weights.min() < -128 or weights.max() > 127:
        raise _damaged()
    weights = weights.astype(np.int8)
    weights.setflags(write=False)
    return weights


def unpack(data: bytes, shape: tuple[int, int, int, int], zero_point: int) -> np.ndarray:
    """The weights i8 [O, KH, KW, C] in what `pack` made.

    Raises:
        ProgramError: the bytes are no such streams.
    """
    return _unpack(data, shape, zero_point)
