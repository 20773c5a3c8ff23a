# SPDX-License-Identifier: Apache-2.0
"""What the tests of all ops share: random values, random tilings, random placements in memory.

A test file `test_<op>.py` offers `random_spec(rng)`; `test_all_ops.py` finds it by that name.
"""

import itertools
from dataclasses import replace

import numpy as np

from npuc.isa.base import Command, DType, Operand, Space
from npuc.isa.encoding import encode_instruction
from npuc.isa.legality import Legality
from npuc.numerics import kernels
from npuc.numerics.rescale import Rescale
from npuc.ops.base import NUMPY_DTYPES, OpSpec, TensorType, cut
from npuc.plan.commands import Location, as_words, can_lie_in_bricks, view
from npuc.targets.base import Target

SRAM_BYTES = 1 << 16


def pick(rng, *choices):
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def upto(rng, high, low=1):
    """An integer in low..high."""
    return int(rng.integers(low, high + 1))


def i8(*shape):
    """The type of an i8 tensor."""
    return TensorType(tuple(shape), "i8")


def raw_or_i8(rng):
    """The result type to ask an op with an accumulator for: now and then the accumulators themselves."""
    return TensorType((), "i32" if rng.random() < 0.2 else "i8")


def zero_point(rng):
    """A zero point of an i8."""
    return upto(rng, 127, -128)


def random_rescale(rng, counts=1, largest=1.0, dtype="i8"):
    """A rescale with real factors of magnitude `largest` and some below, in either rounding."""
    lo, hi = sorted(int(v) for v in rng.integers(-128, 128, 2)) if rng.random() < 0.3 else (-128, 127)
    scales = largest * rng.uniform(0.05, 1.0, counts)
    scales[rng.random(counts) < 0.05] = 0.0
    return replace(Rescale.from_scales(scales, zero_point(rng), lo, hi), double_round=bool(rng.random() < 0.5))


def values(rng, spec: OpSpec):
    """Random values for every operand of an op; biases small enough to matter as much as products do."""
    return [random_array(rng, tensor) for tensor in spec.inputs]


def random_array(rng, tensor: TensorType):
    """A random array of a type."""
    dtype = np.dtype(NUMPY_DTYPES[tensor.dtype])
    if dtype.kind == "f":
        return rng.normal(scale=3, size=tensor.shape).astype(dtype)
    low, high = {"i32": (-4000, 4000), "i16": (-(1 << 15), (1 << 15) - 1), "ui8": (0, 255)}.get(tensor.dtype, (-128, 127))
    return rng.integers(low, high + 1, tensor.shape).astype(dtype)


def int_rescale(acc, rescale: Rescale):
    """The formula of docs/numerics.md in Python's own integers, one element at a time."""
    flat = [int(v) for v in np.asarray(acc).reshape(-1)]
    count = len(rescale.multiplier)
    channels = np.arange(len(flat)) % count
    out = []
    for v, c in zip(flat, channels, strict=True):
        m, s = rescale.multiplier[c], rescale.shift[c]
        rounding = 1 << (s - 1)
        if rescale.double_round and s > 31:
            rounding += 1 << 30 if v >= 0 else -(1 << 30)
        out.append(min(max((v * m + rounding >> s) + rescale.zp_out, rescale.lo), rescale.hi))
    return np.array(out, np.int64).reshape(np.shape(acc))


# any tiling equals the whole ----------------------------------------------------------------------


def random_partition(rng, extent):
    """(start, size) pieces that cover 0..extent-1."""
    cuts = sorted({0, extent, *(int(v) for v in rng.integers(0, extent + 1, int(rng.integers(0, 4))))})
    return list(itertools.pairwise(cuts))


def assert_tiles_equal_whole(rng, spec: OpSpec, inputs):
    """A random partition of the output along `splits`, each tile an op of its own, gives what the whole op gives."""
    whole = spec.reference(*inputs)
    pieces = [
        [(low, high - low) for low, high in random_partition(rng, extent)] if i in spec.splits else [(0, extent)]
        for i, extent in enumerate(spec.output.shape)
    ]
    found = np.empty_like(whole)
    for region in itertools.product(*pieces):
        tile = spec.tile(region)
        assert not list(tile.spec.problems()), (spec, region, list(tile.spec.problems()))
        assert tuple(tensor.shape for tensor in tile.spec.inputs) == tuple(tuple(size for _, size in part) for part in tile.regions)
        cut(found, region)[...] = tile.spec.reference(*(cut(array, part) for array, part in zip(inputs, tile.regions, strict=True)))
    np.testing.assert_array_equal(found, whole, err_msg=str(spec))


# commands equal the reference -----------------------------------------------------------------------


class Places:
    """Hands out pieces of a noisy memory."""

    def __init__(self, rng, size=SRAM_BYTES):
        self.rng, self.free = rng, 64
        self.memory = rng.integers(0, 256, size).astype(np.uint8)

    def take(self, size):
        start = self.free
        self.free += -(-size // 16) * 16 + 16
        assert self.free <= self.memory.size, "the test's memory is too small"
        return start

    def blob(self, data: bytes):
        if not data:
            return Operand.absent()
        base = self.take(len(data))
        self.memory[base : base + len(data)] = np.frombuffer(data, np.uint8)
        return Operand.dense(Space.SRAM, base, (1, 1, 1, len(data)))

    def operand(self, tensor: TensorType, dense=False, bricks=False) -> Operand:
        """Dense, or rows in a ring with a random first row, or columns and channels cut from a larger tensor, or in bricks of channels."""
        if dense:
            return view(tensor, Location(Space.SRAM, self.take(tensor.bytes)))
        tensor = as_words(tensor)
        n, height, width, channels = tensor.nhwc
        element = np.dtype(NUMPY_DTYPES[tensor.dtype]).itemsize
        wide, deep = (width + upto(self.rng, 3, 0), channels + upto(self.rng, 5, 0)) if self.rng.random() < 0.5 else (width, channels)
        wrap = height + upto(self.rng, 2, 0) if self.rng.random() < 0.5 else 0
        held = wrap or height
        strides = (held * wide * deep * element, wide * deep * element, deep * element, element)
        if bricks and can_lie_in_bricks(tensor) and self.rng.random() < 0.5:
            found = view(tensor, Location(Space.SRAM, self.take(n * held * width * channels * element), wrap), bricks=True)
            return replace(found, first_row=upto(self.rng, wrap - 1, 0) if wrap else 0)
        base = self.take(n * strides[0]) + (wide - width) // 2 * strides[2] + (deep - channels) // 2 * element
        first = upto(self.rng, wrap - 1, 0) if wrap else 0
        return Operand(
            Space.SRAM, DType[tensor.dtype.upper()], base, (n, height, width, channels), strides, wrap_rows=wrap, first_row=first
        )


def place(rng, spec: OpSpec, inputs, target: Target):
    """Memory with the inputs in it, and the arguments of emit(); a view is dense on both sides."""
    places, bricks = Places(rng), spec.takes_bricks and target.array.bricks
    sources = []
    for i in spec.activations:
        source = places.operand(spec.inputs[i], spec.is_view, bricks)
        source.write(places.memory, inputs[i].reshape(source.shape))
        sources.append(source)
    output = places.operand(spec.output, spec.is_view, bricks)
    packed = spec.pack_params(*(inputs[i] for i in spec.param_operands))
    assert len(packed) == spec.param_bytes()
    params = places.blob(packed)
    scratch = places.blob(bytes(spec.scratch_bytes(target)))
    return places.memory, (tuple(sources), output, params, scratch, target)


def touched(size, views):
    """bool [size]: bytes that any of the views covers."""
    mask = np.zeros(size, bool)
    for one in views:
        for extent in one.extents():
            for start in extent.run_starts():
                mask[start : start + extent.run_bytes] = True
    return mask


def assert_commands_equal_reference(rng, spec: OpSpec, inputs, target: Target):
    """emit(), executed, writes the reference's value where it should and nothing anywhere else."""
    memory, arguments = place(rng, spec, inputs, target)
    _, output, _, scratch, _ = arguments
    before = memory.copy()
    for instruction in spec.emit(*arguments):
        command = Command(instruction, target.queues[instruction.unit.value][0])
        problems = list(Legality(target, {Space.SRAM: memory.size}).problems(command))
        assert not problems, (instruction, problems)
        assert len(encode_instruction(instruction)) > 0
        instruction.effect({Space.SRAM: memory}, kernels)
    expected = spec.reference(*inputs).reshape(-1).view(output.dtype.numpy).reshape(output.shape)
    np.testing.assert_array_equal(output.read(memory), expected, err_msg=str(spec))
    others = ~touched(memory.size, (output, scratch))
    np.testing.assert_array_equal(memory[others], before[others], err_msg="bytes outside of output and scratch changed")


def total_cycles(rng, spec: OpSpec, inputs, target: Target):
    """What the op's commands take one after the other."""
    _, arguments = place(rng, spec, inputs, target)
    return sum(instruction.cycles(target) for instruction in spec.emit(*arguments))
