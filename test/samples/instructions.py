# SPDX-License-Identifier: Apache-2.0
"""A random well-formed instruction of every kind, its inputs in memory. Helpers, no tests.

Extents reach beyond a vector register of every code path; operands are dense, with gaps, in rings, broadcast or transposed, and
one in four lies over an input of its own, where the definition is: all is read before anything is written.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from npuc.isa.base import DType, Instruction, Operand, Space
from npuc.isa.conv2d import Conv2d
from npuc.isa.depthwise_conv2d import DepthwiseConv2d
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.matmul import Matmul
from npuc.isa.pool import Average, Pool, PoolKind
from npuc.isa.records import pack_scales
from npuc.isa.reduce import Reduce, ReduceKind
from npuc.isa.resize import Resize, ResizeRounding
from npuc.isa.softmax import SoftmaxExp, SoftmaxNorm
from npuc.isa.table import Table
from samples import Arena, padded


def _numbers(arena: Arena, low: int, high: int, count: int) -> list[int]:
    """`count` numbers of low..high-1."""
    return [int(value) for value in arena.random.integers(low, high, count)]


def _chance(arena: Arena, part: float) -> bool:
    return bool(arena.random.random() < part)


def _window(arena: Arena) -> tuple[list[int], list[int], list[int], tuple[int, int, int, int], list[int]]:
    """Kernel, strides, dilation, pads and an image that they fit."""
    kernel, strides, dilation = (_numbers(arena, 1, 4, 2) for _ in range(3))
    pads = tuple(_numbers(arena, 0, 3, 4))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    image = [r + extra for r, extra in zip(reach, _numbers(arena, 0, 7, 2), strict=True)]
    return kernel, strides, dilation, (pads[0], pads[1], pads[2], pads[3]), image


def _out(padded_size: int, kernel: int, stride: int, dilation: int) -> int:
    return (padded_size - dilation * (kernel - 1) - 1) // stride + 1


def _channels(arena: Arena) -> int:
    """Fewer than a register holds, around one and two of them, and in between."""
    choices = (1, 3, 7, 8, 15, 16, 17, 24, 31, 32, 33, 40, 48, 63, 64, 65)
    return int(arena.random.choice(choices))


def _stored(arena: Arena, shape: tuple[int, ...], dtype: type = np.int8) -> Operand:
    """Random values, or the two extremes alone, anywhere in either memory."""
    values = arena.integers(shape, dtype)
    if _chance(arena, 0.2):
        values = arena.random.choice(np.array([-128, 127], dtype), shape)
    return arena.put(values, Space.DRAM if _chance(arena, 0.3) else Space.SRAM)


def _scales(arena: Arena, count: int) -> Operand:
    multiplier, shift = arena.scale(count)
    if _chance(arena, 0.2):
        # scales of one and more, where a result leaves i32 before it is clamped
        shift = arena.random.integers(2, 63, count).astype(np.int32)
        multiplier = arena.random.integers(0, 1 << 31, count)
    bias = arena.random.integers(-(1 << 24), 1 << 24, count)
    return arena.put(np.frombuffer(pack_scales(bias, multiplier, shift), np.int8).reshape(1, 1, count, 10), plain=True)


def _zero_points(arena: Arena) -> tuple[int, int, int]:
    """Of input, weights and output; the weights' is zero more often than not."""
    x, w, out = _numbers(arena, -128, 128, 3)
    return x, w if _chance(arena, 0.4) else 0, out


def _bounds(arena: Arena) -> tuple[int, int]:
    lo, hi = sorted(_numbers(arena, -128, 128, 2))
    return (lo, hi) if _chance(arena, 0.5) else (-128, 127)


def _output(arena: Arena, shape: tuple[int, ...], source: Operand, dtype: DType = DType.I8) -> Operand:
    """A place for the result; one in four lies over the input."""
    view = arena.view(shape, dtype)
    if _chance(arena, 0.25) and source.space is Space.SRAM:
        moved = replace(view, base=source.base - source.base % 4)
        if max(extent.high for extent in moved.extents()) <= len(arena.memory[Space.SRAM]):
            return moved
    return view


def _table(arena: Arena, part: float = 0.3) -> Operand:
    return arena.put(arena.integers((1, 1, 1, 256)), plain=True) if _chance(arena, part) else Operand.absent()


def conv2d(arena: Arena) -> Instruction:
    kernel, strides, dilation, pads, image = _window(arena)
    groups = int(arena.random.choice((1, 1, 2, 3)))
    group_in, group_out = (_channels(arena) // (1 if groups == 1 else 3) + 1 for _ in range(2))
    batch = _numbers(arena, 1, 3, 1)[0]
    zp_x, zp_w, zp_out = _zero_points(arena)
    lo, hi = _bounds(arena)
    ifm = padded(_stored(arena, (batch, *image, groups * group_in)), pads, zp_x if _chance(arena, 0.7) else 99)
    rows, columns = (_out(ifm.padded_shape[1 + axis], kernel[axis], strides[axis], dilation[axis]) for axis in range(2))
    weights = _stored(arena, (groups * group_out, *kernel, group_in))
    return Conv2d(
        ifm=ifm, weights=weights, scales=_scales(arena, groups * group_out), table=_table(arena),
        ofm=_output(arena, (batch, rows, columns, groups * group_out), ifm), stride_h=strides[0], stride_w=strides[1], dilation_h=dilation[0],
        dilation_w=dilation[1], groups=groups, zp_x=zp_x, zp_w=zp_w, zp_out=zp_out, lo=lo, hi=hi, double_round=int(_chance(arena, 0.5)),
    )  # fmt: skip


def depthwise_conv2d(arena: Arena) -> Instruction:
    kernel, strides, dilation, pads, image = _window(arena)
    multiple = int(arena.random.choice((1, 1, 1, 2, 3)))
    channels, batch = _channels(arena) // multiple + 1, _numbers(arena, 1, 3, 1)[0]
    zp_x, zp_w, zp_out = _zero_points(arena)
    lo, hi = _bounds(arena)
    ifm = padded(_stored(arena, (batch, *image, channels)), pads, zp_x if _chance(arena, 0.7) else -77)
    rows, columns = (_out(ifm.padded_shape[1 + axis], kernel[axis], strides[axis], dilation[axis]) for axis in range(2))
    return DepthwiseConv2d(
        ifm=ifm, weights=_stored(arena, (1, *kernel, channels * multiple)), scales=_scales(arena, channels * multiple), table=_table(arena),
        ofm=_output(arena, (batch, rows, columns, channels * multiple), ifm), stride_h=strides[0], stride_w=strides[1], dilation_h=dilation[0],
        dilation_w=dilation[1], zp_x=zp_x, zp_w=zp_w, zp_out=zp_out, lo=lo, hi=hi, double_round=int(_chance(arena, 0.5)),
    )  # fmt: skip


def matmul(arena: Arena) -> Instruction:
    batch, rows = _numbers(arena, 1, [4, 20], 2)
    depth, columns = _channels(arena), _channels(arena)
    zp_a, zp_b, zp_out = _zero_points(arena)
    lo, hi = _bounds(arena)
    (multiplier,), (shift,) = arena.scale(1)
    a = _stored(arena, (1, batch, rows, depth))
    turned = arena.put(arena.integers((1, batch, columns, depth)), plain=True)
    n, height, row, column = turned.strides
    b = Operand(turned.space, turned.dtype, turned.base, (1, batch, depth, columns), (n, height, column, row))
    if _chance(arena, 0.5):
        b = _stored(arena, b.shape)
    return Matmul(
        a=a, b=b, ofm=_output(arena, (1, batch, rows, columns), a), zp_a=zp_a, zp_b=zp_b, zp_out=zp_out, lo=lo, hi=hi,
        multiplier=int(multiplier), shift=int(shift), double_round=int(_chance(arena, 0.5)),
    )  # fmt: skip


def _input(arena: Arena, shape: tuple[int, ...], dtype: type = np.int8) -> Operand:
    """Stored whole, broadcast along some dimensions, or padded on the way in."""
    if _chance(arena, 0.3):
        free = tuple(1 if _chance(arena, 0.4) else extent for extent in shape)
        small = arena.put(arena.integers(free, dtype), plain=True)
        strides = tuple(0 if one == 1 else stride for one, stride in zip(free, small.strides, strict=True))
        return Operand(small.space, small.dtype, small.base, (shape[0], shape[1], shape[2], shape[3]), strides)
    if _chance(arena, 0.3) and shape[1] > 2 and shape[2] > 2:
        inner = _stored(arena, (shape[0], shape[1] - 2, shape[2] - 1, shape[3]), dtype)
        return padded(inner, (1, 1, 0, 1), 5)
    return _stored(arena, shape, dtype)


def elementwise(arena: Arena) -> Instruction:
    kind = ElementwiseKind(_numbers(arena, 0, len(ElementwiseKind), 1)[0])
    shape = (*_numbers(arena, 1, 4, 3), _channels(arena))
    same = kind in (ElementwiseKind.MAXIMUM, ElementwiseKind.MINIMUM, ElementwiseKind.COPY)
    dtypes = [np.int8, np.int16, np.int32]
    of_a, of_b, of_out = (dtypes[index] for index in (_numbers(arena, 0, 3, 3) if _chance(arena, 0.3) else [0, 0, 0]))
    if same:
        of_b = of_out = of_a
    a = _input(arena, shape, of_a)
    one = kind in (ElementwiseKind.RESCALE, ElementwiseKind.COPY)
    b = Operand.absent() if one else _input(arena, shape, of_b)
    m, s = (values.tolist() for values in arena.scale(3))
    lo, hi = _bounds(arena)
    out_dtype = DType(dtypes.index(of_out))
    in_place = _chance(arena, 0.3) and a.dtype is out_dtype and not any(a.pad) and 0 not in a.strides and a.space is Space.SRAM
    zero = [value if dtype is np.int8 else 0 for value, dtype in zip(_numbers(arena, -128, 128, 3), (of_a, of_b, of_out), strict=True)]
    return Elementwise(
        kind=kind, a=a, b=b, ofm=a if in_place else _output(arena, shape, a, out_dtype), zp_a=zero[0], zp_b=0 if one else zero[1], zp_out=zero[2],
        multiplier_a=m[0], shift_a=s[0] - 20, multiplier_b=m[1], shift_b=s[1] - 20, multiplier=m[2], shift=s[2], lo=lo, hi=hi,
        double_round=int(_chance(arena, 0.5)),
        left_shift=_numbers(arena, 0, 21, 1)[0] if kind in (ElementwiseKind.ADD, ElementwiseKind.SUB) else 0,
    )  # fmt: skip


def pool(arena: Arena) -> Instruction:
    kernel, strides, _, pads, image = _window(arena)
    pads = tuple(min(pad, kernel[axis] - 1) for pad, axis in zip(pads, (0, 0, 1, 1), strict=True))
    channels, batch = _channels(arena), _numbers(arena, 1, 3, 1)[0]
    ifm = padded(_stored(arena, (batch, *image, channels)), pads, 33)
    rows, columns = (_out(ifm.padded_shape[1 + axis], kernel[axis], strides[axis], 1) for axis in range(2))
    kind = PoolKind(_numbers(arena, 0, 2, 1)[0])
    average = Average(_numbers(arena, 0, 3, 1)[0])
    records = 1 if _chance(arena, 0.5) else kernel[0] * kernel[1]
    multiplier, shift = arena.scale(records)
    packed = np.frombuffer(pack_scales(np.zeros(records, np.int32), multiplier, shift), np.int8).reshape(1, 1, records, 10)
    lo, hi = _bounds(arena)
    return Pool(
        kind=kind, ifm=ifm, scales=arena.put(packed, plain=True) if kind is PoolKind.AVG and average is Average.SCALE else Operand.absent(), average=average,
        ofm=_output(arena, (batch, rows, columns, channels), ifm), kernel_h=kernel[0], kernel_w=kernel[1], stride_h=strides[0],
        stride_w=strides[1], zp_x=_numbers(arena, -128, 128, 1)[0], zp_out=_numbers(arena, -128, 128, 1)[0], lo=lo, hi=hi,
        double_round=int(_chance(arena, 0.5)),
    )  # fmt: skip


def reduce(arena: Arena) -> Instruction:
    shape = (*_numbers(arena, 1, 6, 3), _channels(arena))
    flags = _numbers(arena, 0, 2, 3)
    kind = ReduceKind(_numbers(arena, 0, 2, 1)[0])
    dtype = [np.int8, np.int16, np.int32][_numbers(arena, 0, 3, 1)[0]]
    ifm = _stored(arena, shape, dtype)
    out = (shape[0], *(1 if flag else extent for flag, extent in zip(flags, shape[1:], strict=True)))
    raw = int(kind is ReduceKind.SUM and _chance(arena, 0.4))
    out_dtype = ifm.dtype if kind is ReduceKind.MAX else DType.I32 if raw else DType(_numbers(arena, 0, 3, 1)[0])
    (multiplier,), (shift,) = arena.scale(1)
    lo, hi = _bounds(arena)
    return Reduce(
        kind=kind, ifm=ifm, ofm=_output(arena, out, ifm, out_dtype), reduce_h=flags[0], reduce_w=flags[1], reduce_c=flags[2],
        zp_x=_numbers(arena, -128, 128, 1)[0] if dtype is np.int8 else 0, raw=raw, pre_shift=_numbers(arena, 0, 5, 1)[0] if raw else 0,
        multiplier=int(multiplier), shift=int(shift), zp_out=_numbers(arena, -128, 128, 1)[0] if out_dtype is DType.I8 else 0, lo=lo, hi=hi,
        double_round=int(_chance(arena, 0.5)),
    )  # fmt: skip


def table(arena: Arena) -> Instruction:
    shape = (*_numbers(arena, 1, 4, 3), _channels(arena))
    ifm = _input(arena, shape)
    return Table(ifm=ifm, table=_table(arena, 1.0), ofm=_output(arena, shape, ifm))


def resize(arena: Arena) -> Instruction:
    batch, rows, columns, out_rows, out_columns = _numbers(arena, 1, [3, 6, 6, 9, 9], 5)
    channels = _channels(arena)
    dtype = [np.int8, np.int16, np.int32][_numbers(arena, 0, 3, 1)[0]]
    ifm = _stored(arena, (batch, rows, columns, channels), dtype)
    n_y, d_y, n_x, d_x = _numbers(arena, 1, 9, 4)
    rounding = ResizeRounding(_numbers(arena, 0, 3 if dtype is np.int8 else 2, 1)[0])
    offsets = _numbers(arena, -9, 9, 2)
    return Resize(
        ifm=ifm, ofm=_output(arena, (batch, out_rows, out_columns, channels), ifm, ifm.dtype), scale_y_n=n_y, scale_y_d=d_y, offset_y=offsets[0],
        scale_x_n=n_x, scale_x_d=d_x, offset_x=offsets[1], rounding=rounding,
    )  # fmt: skip


def softmax_exp(arena: Arena) -> Instruction:
    shape = (*_numbers(arena, 1, 4, 3), _channels(arena))
    ifm = _stored(arena, shape)
    row_max = _stored(arena, (*shape[:3], 1))
    entries = arena.put(arena.random.integers(0, 1 << 31, (1, 1, 1, 256)).astype(np.int32), plain=True)
    return SoftmaxExp(ifm=ifm, row_max=row_max, table=entries, ofm=arena.view(shape, DType.I32))


def softmax_norm(arena: Arena) -> Instruction:
    shape = (*_numbers(arena, 1, 4, 3), _channels(arena))
    exps = arena.put(arena.random.integers(0, 1 << 31, shape).astype(np.int32))
    row_sum = arena.put(np.left_shift(1, arena.random.integers(0, 31, (*shape[:3], 1))).astype(np.int32) + 12345)
    return SoftmaxNorm(exps=exps, row_sum=row_sum, ofm=_output(arena, shape, exps))


def dma(arena: Arena) -> Instruction:
    shape = (*_numbers(arena, 1, 4, 3), _channels(arena))
    dtype = [np.int8, np.int16, np.int32][_numbers(arena, 0, 3, 1)[0]]
    if _chance(arena, 0.2):
        return Dma(dst=arena.view(shape, DType([np.int8, np.int16, np.int32].index(dtype))), fill_value=_numbers(arena, -128, 128, 1)[0])
    src = _input(arena, shape, dtype)
    dst = _output(arena, shape, src, src.dtype)
    if _chance(arena, 0.3):
        # transposed on the way out
        room = arena.view((shape[0], shape[3], shape[2], shape[1]), src.dtype, plain=True)
        n, height, width, channel = room.strides
        dst = Operand(room.space, room.dtype, room.base, shape, (n, channel, width, height))
    return Dma(src=src, dst=dst)


KINDS: dict[str, Callable[[Arena], Instruction]] = {
    make.__name__: make
    for make in (conv2d, depthwise_conv2d, matmul, elementwise, pool, reduce, table, resize, softmax_exp, softmax_norm, dma)
}
"""A maker for every instruction that moves values, by mnemonic."""
