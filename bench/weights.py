# SPDX-License-Identifier: Apache-2.0
"""Packed weights beside what Vela's own encoder makes of the same layers, on random layers of many kinds.

    python bench/weights.py --vela PATH --layers 4000 --seed 0

PATH is a Vela program (ethos-u-vela 5.2.0, Apache-2.0) in an environment of its own; the encoder in its compiled part is called as it is.
Ends with 1 where a layer is smaller than the encoder's. Beside this, the codec's own count of the encoder's bytes must be exact.
"""

import argparse
import ctypes
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from npuc.numerics import weight_codec
from npuc.numerics.weight_sections import PART, plan

_NO_PADDING = 16
_END_BITS = 3
_BLOCK = 128


class _Result(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p), ("length", ctypes.c_int32), ("source", ctypes.c_int32), ("sections", ctypes.c_void_p), ("count", ctypes.c_int32),
    )  # fmt: skip


class Encoder:
    """Vela's encoder of weights.

    Args:
        program: path of the `vela` command.
    """

    def __init__(self, program: Path) -> None:
        found = sorted(program.resolve().parents[1].glob("lib/python*/site-packages/ethosu/regor*.so"))
        if not found:
            raise SystemExit(f"no compiled part of Vela beside {program}, wanted ethos-u-vela 5.2.0")
        self._library = ctypes.CDLL(str(found[0]))
        self._library.mle_create_context.restype = ctypes.c_void_p
        self._library.mle_encode.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Result), ctypes.c_void_p, ctypes.c_int, ctypes.c_uint)
        self._library.mle_destroy_context.argtypes = (ctypes.c_void_p,)
        self._library.mle_free.argtypes = (ctypes.POINTER(_Result),)

    def size(self, values: np.ndarray) -> int:
        """Bytes of i16 [N] without filling: the last three bits end the stream."""
        context, result = self._library.mle_create_context(0), _Result()
        self._library.mle_encode(context, ctypes.byref(result), np.ascontiguousarray(values, np.int16).ctypes.data, len(values), _NO_PADDING)
        length = result.length
        self._library.mle_free(ctypes.byref(result))
        self._library.mle_destroy_context(context)
        return length

    def stream(self, values: np.ndarray) -> tuple[int, bool]:
        """Filled bytes of a whole stream, at most; whether npuc's count of the bits is the same in every part."""
        bits, same = 0, True
        for start in range(0, len(values), PART):
            part = values[start : start + PART]
            size = self.size(part)
            same &= size == -(-(plan(part).reference_bits + _END_BITS) // 8)
            bits += 8 * size - _END_BITS
        return -(-(bits + _END_BITS) // 128) * 16, same


def consumed(weights: np.ndarray, order: weight_codec.Order, block: int) -> np.ndarray:
    """Weights [O, KH, KW, C] one by one as the array takes them, from its published loops and nothing of the codec."""
    outs, height, width, depth = weights.shape
    depthwise, parts = order is weight_codec.Order.DEPTHWISE, order is weight_codec.Order.PART_KERNEL
    padded = np.zeros((-(-outs // block) * block + 8, height + 9, width + 9, depth + 40), np.int16)
    padded[:outs, :height, :width, :depth] = weights
    found = []
    group = 16 if parts else 32
    for out, channel in itertools.product(range(0, outs, block), range(0, 1 if depthwise else depth, group)):
        last = min(out + block, outs)
        for y, x in itertools.product(range(0, height, 8), range(0, width, 8)):
            rows, columns = min(8, height - y), min(8, width - x)
            taps = rows * columns if not (parts or depthwise) else -(-rows * columns // 4) * 4
            deep = min(16, depth - channel) if parts else 32
            for outer in range(0, deep if parts else 1, 8):
                for micro, tap in itertools.product(range(out, last, 8), range(taps)):
                    ky, kx = tap // columns, tap % columns
                    for inner in range(0, 8 if parts or depthwise else 32, 8):
                        start = channel + outer + inner
                        piece = padded[micro : micro + 8, y + ky, x + kx, start : start + (1 if depthwise else 8)]
                        # channels of the next block are no part of this one; rows below the kernel are padding
                        piece = np.where((np.arange(micro, micro + 8) < last)[:, None], piece, 0) if ky < rows else np.zeros_like(piece)
                        found.append(piece.ravel())
    return np.concatenate(found)


def layers(seed: int) -> Iterator[tuple[str, np.ndarray, int, bool]]:
    """(kind, weights i8 [O, KH, KW, C], zero point, depthwise) without end."""
    rng = np.random.default_rng(seed)
    kinds = {
        "bell": lambda size, scale: rng.normal(0, scale, size),
        "heavy tail": lambda size, scale: rng.standard_cauchy(size) * scale / 3,
        "peaked": lambda size, scale: rng.laplace(0, scale, size),
        "sparse": lambda size, scale: rng.normal(0, scale, size) * (rng.random(size) < rng.choice([0.02, 0.1, 0.3, 0.6])),
        "masked channels": lambda size, scale: rng.normal(0, scale, size) * (rng.random((size[0], 1, 1, 1)) < 0.5),
        "masked inputs": lambda size, scale: rng.normal(0, scale, size) * (rng.random((1, 1, 1, size[3])) < 0.5),
        "channels of many scales": lambda size, scale: rng.normal(0, scale, size) * rng.choice([0.03, 0.2, 1, 2], (size[0], 1, 1, 1)),
        "inputs of many scales": lambda size, scale: rng.normal(0, scale, size) * rng.choice([0.03, 0.2, 1, 2], (1, 1, 1, size[3])),
        "few values": lambda size, scale: rng.choice(rng.integers(-128, 128, int(rng.integers(1, 40))), size),
        "flat": lambda size, scale: rng.integers(-128, 128, size),
        "constant": lambda size, scale: np.full(size, rng.choice([0, 0, 7, -128])),
    }
    while True:
        kind, depthwise = str(rng.choice(list(kinds))), bool(rng.random() < 0.25)
        kernel = [int(k) for k in rng.choice([1, 1, 1, 2, 3, 3, 5, 7, 9, 11], 2)]
        outs, depth = (int(n) for n in rng.choice([1, 2, 3, 8, 10, 16, 24, 40, 64, 100, 130, 200, 320], 2))
        shape = (outs, *kernel, 1 if depthwise else depth)
        if np.prod(shape) > (400_000 if rng.random() < 0.1 else 60_000):
            continue
        values = kinds[kind](shape, float(rng.choice([0.3, 1, 3, 10, 20, 40])))
        zero = int(rng.choice([0, 0, 0, 5, -100, 127, -128]))
        yield kind, np.clip(np.round(values) + zero, -128, 127).astype(np.int8), zero, depthwise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vela", type=Path, required=True, help="the `vela` command of another environment")
    parser.add_argument("--layers", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    encoder = Encoder(args.vela)
    smaller = inexact = ours_total = total = 0
    least: float = np.inf
    for number, (kind, weights, zero, depthwise) in enumerate(itertools.islice(layers(args.seed), args.layers)):
        cores, cut = 1 + number % 2, number % 4 < 2
        ours = len(weight_codec.pack(weights, zero, depthwise, cores, cut=cut))
        order, streams = weight_codec.order_of(weights.shape, depthwise), min(cores, len(weights))
        centred = weights.astype(np.int16) - zero
        theirs = 0
        for core in range(streams):
            size, same = encoder.stream(consumed(centred[core::streams], order, (_BLOCK + streams - 1 - core) // streams))
            theirs += size
            inexact += not same
        ours_total, total, least = ours_total + ours, total + theirs, min(least, ours - theirs)
        if ours < theirs:
            smaller += 1
            print(f"smaller: {kind} {weights.shape} zero {zero} depthwise {depthwise} cores {cores}: {ours} bytes, Vela's encoder {theirs}")
    print(f"{args.layers} layers: {smaller} smaller, {inexact} streams counted otherwise; {ours_total} bytes over {total}: "
          f"{ours_total / total:.4f}; least difference {least} bytes")  # fmt: skip
    return int(smaller + inexact > 0)


if __name__ == "__main__":
    sys.exit(main())
