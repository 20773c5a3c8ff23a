# SPDX-License-Identifier: Apache-2.0
"""argmax: where the greatest value stands (TOSA ARGMAX; the first of equals)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from npuc.isa import conv2d, depthwise_conv2d, elementwise, pool, reduce
from npuc.isa.base import DType, Instruction, Operand
from npuc.isa.records import RECORD
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import RANGES, activation_types, at_most, at_most_rank_4, dtype_is, host_only
from npuc.ops._elementwise import UNIT_SCALE
from npuc.ops._views import blob_part, broadcast, pack_records, records_view
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, Region, TensorType, Tile, param, region_type
from npuc.targets.base import Target, ceil_div

# pixels whose keys of one channel stand side by side, so that the channels are a window's columns and the pixels the lanes
GROUP = 8

# a window passes the array in parts of this many columns, and is read again for each
WINDOW = 8

# Narrow keys, i16: 256 * x + 127 - c. The array multiplies by 255 (weights of 127 and a zero point of -128), the rescale by 256 / 255:
# 256 * x + (127 - c) * 256 / 255, whose distance from a whole number is below a half for 127 - c from -127 up.
NARROW_CHANNELS = 255
_TAP, _NO_TAP = 127, -128
_NARROW_SCALE = Rescale.from_scales((256 / 255,), 0, *RANGES["i16"])

# Wide keys, i32: 65536 * x + 256 * h + l with l = 127 - c % 128 and h = 127 - c // 128: l is the lowest byte, h the second.
WIDE_CHANNELS = 128 * 256
_HALF = 128
_TIMES_65536 = (1 << 18, 2)

# The low bytes of a key, which the decoding convolution reads as i8, each with its weight, and what the index is less their sum.
_NARROW_DIGITS, _NARROW_LAST = (1, 0), 127
_WIDE_DIGITS, _WIDE_LAST = (1, _HALF, 0, 0), 127 * _HALF + 127


@dataclass(frozen=True)
class Argmax(OpSpec):
    """y[rest] = the least i with x[..., i, ...] = max along `axis`; i8, ui8, i16, i32 or f32 -> i32 or i64.

    On the NPU, i8, ui8 and i16 along the last dimension, which stays with extent 1: each value becomes a key with its place in the low
    bytes, the later the less; the greatest key is found, and its low bytes say where it stood. Keys below their type's range saturate,
    which leaves the answer alone: the greatest value is then the least there is, and the first of equals is not among them.
    """

    name: ClassVar[str] = "argmax"

    axis: int = param("dimension searched", 0)
    keepdims: bool = param("it stays, with extent 1", False)

    def malformed(self) -> Iterator[str]:
        x = self.inputs[0]
        yield from dtype_is("input", x, "i8", "ui8", "i16", "i32", "f32")
        yield from dtype_is("result", self.output, "i32", "i64")
        if not 0 <= self.axis < len(x.shape):
            yield f"axis is {self.axis}, wanted 0..{len(x.shape) - 1}"

    def infer(self) -> TensorType:
        shape = self.inputs[0].shape
        kept = (1,) if self.keepdims else ()
        return TensorType((*shape[: self.axis], *kept, *shape[self.axis + 1 :]), self.output.dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(np.argmax(inputs[0], axis=self.axis, keepdims=self.keepdims)).astype(NUMPY_DTYPES[self.output.dtype])

    @property
    def splits(self) -> frozenset[int]:
        rank = len(self.output.shape)
        free = frozenset(range(rank)) - {self.axis} if self.keepdims else frozenset(range(rank))
        # the parameters are made for groups of columns, so columns stay together
        return free - {rank - 2} if self._narrow and self.keepdims else free

    def tile(self, region: Region) -> Tile:
        before, after = region[: self.axis], region[self.axis + 1 if self.keepdims else self.axis :]
        source = (*before, (0, self.inputs[0].shape[self.axis]), *after)
        return Tile(replace(self, inputs=(region_type(self.inputs[0], source),), output=region_type(self.output, region)), (source,))

    # what this machine makes of it -------------------------------------------------------------

    @property
    def _channels(self) -> int:
        return self.inputs[0].shape[self.axis]

    @property
    def _narrow(self) -> bool:
        """Whether keys have 16 bits: few channels of bytes, and columns enough to fill the lanes."""
        x = self.inputs[0]
        columns = x.shape[-2] if len(x.shape) > 1 else 1
        return x.dtype == "ui8" or (x.dtype == "i8" and self._channels <= NARROW_CHANNELS and columns >= GROUP)

    def limits(self, target: Target) -> Iterator[Refusal]:
        x = self.inputs[0]
        if x.dtype in ("i32", "f32"):
            yield from host_only(self, target)
            return
        shaped = [*activation_types(replace(self, output=x), target, "ui8"), *at_most_rank_4(self), *self._last_and_kept(), *self._places()]
        yield from shaped
        if not shaped:
            yield from self._room(target)

    def _last_and_kept(self) -> Iterator[Refusal]:
        """The dimension searched is the last and stays with extent 1; npu-channel-argmax brings it there."""
        rank = len(self.inputs[0].shape)
        if self.axis != rank - 1 or not self.keepdims:
            found = f"dimension {self.axis} of {rank}{'' if self.keepdims else ', which goes'}"
            yield Refusal("the dimension searched is the last and stays", found, f"dimension {rank - 1}, kept")

    def _places(self) -> Iterator[Refusal]:
        """The low bytes of a key hold the place: one byte for bytes without a sign, else two."""
        most = NARROW_CHANNELS if self.inputs[0].dtype == "ui8" else WIDE_CHANNELS
        yield from at_most("the low bytes of a key hold the place", self._channels, most)

    def _room(self, target: Target) -> Iterator[Refusal]:
        """One row of every image, its keys and its parameters take at most half of the SRAM."""
        _, height, _, _ = self.inputs[0].nhwc
        moved = self.inputs[0].bytes + self.output.bytes + self.scratch_bytes(target)
        yield from at_most("a row with its keys takes at most half of the SRAM", self.param_bytes() + moved // height, target.sram.bytes // 2)

    @property
    def _columns(self) -> int:
        """Columns of a row of keys."""
        columns = self.inputs[0].shape[-2] if len(self.inputs[0].shape) > 1 else 1
        return ceil_div(columns, GROUP) * GROUP if self._narrow else columns

    def _rows(self) -> int:
        *rest, _ = self.inputs[0].shape
        return int(np.prod(rest[:-1], dtype=np.int64))

    def _extents(self) -> list[int]:
        """Keys left of a pixel, at first and after each step."""
        found = [self._channels]
        while found[-1] > 1 or len(found) == 1:
            count = found[-1]
            found.append(ceil_div(count, WINDOW) if self._narrow else 1)
        return found

    def _key_bytes(self) -> list[int]:
        """Of all keys, at first and after each step; each whole words."""
        element = 2 if self._narrow else 4
        return [ceil_div(element * count * self._rows() * self._columns, 16) * 16 for count in self._extents()]

    def scratch_bytes(self, target: Target) -> int:
        """All keys, and the greatest of each window and of each pixel."""
        return sum(self._key_bytes())

    def _digits(self) -> tuple[tuple[int, ...], int]:
        return (_NARROW_DIGITS, _NARROW_LAST) if self._narrow else (_WIDE_DIGITS, _WIDE_LAST)

    @property
    def _words(self) -> int:
        """i32 words of a result: an i64 has a second one, which is 0."""
        return 2 if self.output.dtype == "i64" else 1

    def _decode_bytes(self) -> int:
        digits, _ = self._digits()
        return ceil_div(self._words * (RECORD.itemsize + len(digits)), 16) * 16

    def param_bytes(self) -> int:
        if self._narrow:
            return self._decode_bytes() + GROUP * self._channels * (RECORD.itemsize + GROUP)
        return self._decode_bytes() + 2 * self._channels

    def pack_params(self, *arrays: np.ndarray) -> bytes:
        """What decodes a key, then the weights that make narrow keys, or what is added for wide ones."""
        digits, last = self._digits()
        weights = np.zeros((self._words, len(digits)), np.int8)
        weights[0] = np.negative(digits)
        bias = np.array([last, 0][: self._words], np.int32)
        decode = pack_records(Rescale(UNIT_SCALE[:1], UNIT_SCALE[1:]), bias) + weights.tobytes()
        return decode + bytes(self._decode_bytes() - len(decode)) + (self._narrow_params() if self._narrow else self._wide_places().tobytes())

    def _narrow_params(self) -> bytes:
        """Output channel GROUP * c + m is pixel m of a group in channel c."""
        taps = np.where(np.eye(GROUP, dtype=bool), _TAP, _NO_TAP).astype(np.int8)
        places = (_NARROW_LAST - np.arange(self._channels)).astype(np.int32)
        return pack_records(_NARROW_SCALE, np.repeat(places, GROUP)) + np.tile(taps, (1, self._channels)).tobytes()

    def _wide_places(self) -> np.ndarray:
        second, first = np.divmod(np.arange(self._channels), _HALF)
        return (256 * (127 - second) + 127 - first).astype("<i2")

    def emit(self, inputs: tuple[Operand, ...], output: Operand, params: Operand, scratch: Operand, target: Target) -> list[Instruction]:
        sizes = self._key_bytes()
        starts = [sum(sizes[:step]) for step in range(len(sizes))]
        made = replace(params, base=params.base + self._decode_bytes())
        find = self._find_narrow if self._narrow else self._find_wide
        return [*find(inputs[0], made, scratch, starts, target), self._decode(scratch, starts[-1], output, params, target)]

    def _find_narrow(self, x: Operand, params: Operand, scratch: Operand, starts: list[int], target: Target) -> Iterator[Instruction]:
        """Keys by a depthwise convolution that lays the pixels of a group side by side, then windows over the channels."""
        n, height, width, channels = x.shape
        groups = self._columns // GROUP
        deep = GROUP * channels
        zero_point = 128 if x.dtype is DType.UI8 else 0
        scale, (low, high) = _NARROW_SCALE, RANGES["i16"]
        yield depthwise_conv2d.DepthwiseConv2d(
            ifm=x.padded((0, 0, 0, self._columns - width), zero_point), scales=records_view(params, deep),
            weights=blob_part(params, RECORD.itemsize * deep, (1, 1, GROUP, deep)), stride_w=GROUP, zp_x=zero_point, zp_w=_NO_TAP,
            ofm=blob_part(scratch, starts[0], (n, height, groups, deep), DType.I16), zp_out=scale.zp_out, lo=low, hi=high,
        ).blocked(target)  # fmt: skip
        rows = n * height
        for step, (count, left) in enumerate(zip(self._extents(), self._extents()[1:], strict=False)):
            window = ceil_div(count, left)
            padding = left * window - count
            # windows that end with a pixel's channels follow one another from group to group
            lines, across = (rows * groups, 1) if padding else (rows, groups)
            ifm = blob_part(scratch, starts[step], (1, lines, across * count, GROUP), DType.I16)
            yield pool.Pool(
                kind=pool.PoolKind.MAX, ifm=ifm.padded((0, 0, 0, padding), low), kernel_w=window, stride_w=window, lo=low, hi=high,
                ofm=blob_part(scratch, starts[step + 1], (1, lines, across * left, GROUP), DType.I16),
            )  # fmt: skip

    def _find_wide(self, x: Operand, params: Operand, scratch: Operand, starts: list[int], target: Target) -> Iterator[Instruction]:
        """Keys by a sum with the places, then the greatest over the channels."""
        n, height, width, channels = x.shape
        keys, best = (
            blob_part(scratch, start, (n, height, width, count), DType.I32) for start, count in zip(starts, self._extents(), strict=True)
        )
        places = broadcast(blob_part(params, 0, (1, 1, 1, channels), DType.I16), x.shape)
        (a, shift_a), (one, shift) = _TIMES_65536, UNIT_SCALE
        yield elementwise.Elementwise(
            kind=elementwise.ElementwiseKind.ADD, a=x, b=places, ofm=keys, multiplier_a=a, shift_a=shift_a, multiplier_b=one, shift_b=shift,
            multiplier=one, shift=shift,
        )  # fmt: skip
        yield reduce.Reduce(kind=reduce.ReduceKind.MAX, ifm=keys, ofm=best, reduce_c=1)

    def _decode(self, scratch: Operand, start: int, output: Operand, params: Operand, target: Target) -> Instruction:
        """last - the digits' sum, as accumulators: a 1x1 convolution over the bytes of the greatest keys."""
        digits, _ = self._digits()
        n, height, width, _ = output.shape
        bytes_of_keys = blob_part(scratch, start, (n, height, self._columns, len(digits)))
        return conv2d.Conv2d(
            ifm=replace(bytes_of_keys, shape=(n, height, width, len(digits))), scales=records_view(params, self._words),
            weights=blob_part(params, RECORD.itemsize * self._words, (self._words, 1, 1, len(digits))), ofm=output,
        ).blocked(target)  # fmt: skip
