# SPDX-License-Identifier: Apache-2.0
"""Every instruction's effect, in any memory layout, equals PyTorch in float64, numpy's int64 or Python's integers; both engines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuc.errors import UserInputError
from npuc.isa.base import DType, Operand, Space
from npuc.isa.conv2d import Conv2d
from npuc.isa.depthwise_conv2d import DepthwiseConv2d
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.matmul import Matmul
from npuc.isa.pool import Pool, PoolKind
from npuc.isa.records import pack_scales
from npuc.isa.reduce import Reduce, ReduceKind
from npuc.isa.resize import Resize, ResizeRounding
from npuc.isa.softmax import SoftmaxExp, SoftmaxNorm
from npuc.isa.table import Table
from npuc.numerics import kernels, softmax
from npuc.sim import engines
from samples import Arena, padded, rescale_oracle

torch = pytest.importorskip("torch", reason="the oracle of the windows is PyTorch")

SEEDS = st.integers(0, 2**32 - 1)
EXAMPLES = settings(max_examples=60)


def executed(instruction, arena):
    """The instruction's output by every engine there is; they agree."""
    assert list(instruction.problems()) == []
    (out,) = instruction.writes()
    before = {space: image.copy() for space, image in arena.memory.items()}
    instruction.effect(arena.memory, kernels)
    expected = arena.get(out)
    touched = np.flatnonzero(before[out.space] != arena.memory[out.space])
    owned = {byte for extent in out.extents() for start in extent.run_starts().tolist() for byte in range(start, start + extent.run_bytes)}
    assert set(touched.tolist()) <= owned, "bytes beside the output changed"
    try:
        native = engines.get("native")
    except UserInputError:
        return expected
    arena.memory = before
    instruction.effect(arena.memory, native)
    np.testing.assert_array_equal(arena.get(out), expected)
    return expected


def store_scales(arena, bias, multiplier, shift):
    packed = np.frombuffer(pack_scales(bias, multiplier, shift), np.int8)
    return arena.put(packed.reshape(1, 1, len(bias), 10), plain=True)


def torch_conv(x, w_ohwi, zp_x, zp_w, strides, dilation, pads, groups):
    """sum((x - zp_x) * (w - zp_w)) by PyTorch in float64, as exact integers [N, H, W, O]."""
    image = torch.from_numpy(x.astype(np.float64) - zp_x).permute(0, 3, 1, 2)
    weights = torch.from_numpy(w_ohwi.astype(np.float64) - zp_w).permute(0, 3, 1, 2)
    top, bottom, left, right = pads
    image = torch.nn.functional.pad(image, (left, right, top, bottom))
    out = torch.nn.functional.conv2d(image, weights, stride=strides, dilation=dilation, groups=groups)
    return out.permute(0, 2, 3, 1).numpy().astype(np.int64)


def window(random):
    """Kernel, strides, dilation, pads and an image that they fit."""
    kernel, strides, dilation = (tuple(int(v) for v in random.integers(1, 4, 2)) for _ in range(3))
    pads = tuple(int(v) for v in random.integers(0, 3, 4))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    return kernel, strides, dilation, pads, tuple(int(r + random.integers(0, 6)) for r in reach)


@EXAMPLES
@given(seed=SEEDS, double_round=st.booleans(), with_table=st.booleans())
def test_conv2d_equals_pytorch_and_a_rescale_by_python_integers(seed, double_round, with_table):
    arena = Arena(seed)
    random = arena.random
    kernel, strides, dilation, pads, image = window(random)
    groups, group_in, group_out, batch = (int(v) for v in random.integers(1, [4, 9, 6, 3]))
    zp_x, zp_w, zp_out = (int(v) for v in random.integers(-128, 128, 3))
    lo, hi = sorted(int(v) for v in random.integers(-128, 128, 2))
    x, w = arena.integers((batch, *image, groups * group_in)), arena.integers((groups * group_out, *kernel, group_in))
    bias = random.integers(-5000, 5000, groups * group_out).astype(np.int32)
    multiplier, shift = arena.scale(groups * group_out)
    table = arena.integers((1, 1, 1, 256))

    acc = torch_conv(x, w, zp_x, zp_w, strides, dilation, pads, groups) + bias
    expected = rescale_oracle(acc, multiplier, shift, zp_out, lo, hi, double_round)
    if with_table:
        expected = table.reshape(-1)[expected + 128]
    found = executed(
        Conv2d(
            ifm=padded(arena.put(x), pads, zp_x), weights=arena.put(w), scales=store_scales(arena, bias, multiplier, shift),
            table=arena.put(table, plain=True) if with_table else Operand.absent(), ofm=arena.view(expected.shape),
            stride_h=strides[0], stride_w=strides[1], dilation_h=dilation[0], dilation_w=dilation[1], groups=groups,
            zp_x=zp_x, zp_w=zp_w, zp_out=zp_out, lo=lo, hi=hi, double_round=int(double_round),
        ),
        arena,
    )  # fmt: skip
    np.testing.assert_array_equal(found, expected)


@EXAMPLES
@given(seed=SEEDS)
def test_depthwise_conv2d_equals_pytorch(seed):
    arena = Arena(seed)
    random = arena.random
    kernel, strides, dilation, pads, image = window(random)
    channels, multiple, batch = (int(v) for v in random.integers(1, [9, 4, 3]))
    zp_x, zp_w, zp_out = (int(v) for v in random.integers(-128, 128, 3))
    x, w = arena.integers((batch, *image, channels)), arena.integers((1, *kernel, channels * multiple))
    bias = random.integers(-5000, 5000, channels * multiple).astype(np.int32)
    multiplier, shift = arena.scale(channels * multiple)

    acc = torch_conv(x, w.transpose(3, 1, 2, 0), zp_x, zp_w, strides, dilation, pads, channels) + bias
    expected = rescale_oracle(acc, multiplier, shift, zp_out, -128, 127, False)
    found = executed(
        DepthwiseConv2d(
            ifm=padded(arena.put(x), pads, zp_x), weights=arena.put(w), scales=store_scales(arena, bias, multiplier, shift),
            ofm=arena.view(expected.shape), stride_h=strides[0], stride_w=strides[1], dilation_h=dilation[0], dilation_w=dilation[1],
            zp_x=zp_x, zp_w=zp_w, zp_out=zp_out,
        ),
        arena,
    )  # fmt: skip
    np.testing.assert_array_equal(found, expected)


@EXAMPLES
@given(seed=SEEDS, transposed=st.booleans())
def test_matmul_equals_einsum_with_a_transposed_factor_as_a_view(seed, transposed):
    arena = Arena(seed)
    batch, rows, depth, columns = (int(v) for v in arena.random.integers(1, [4, 9, 20, 9]))
    zp_a, zp_b, zp_out = (int(v) for v in arena.random.integers(-128, 128, 3))
    a, b = arena.integers((1, batch, rows, depth)), arena.integers((1, batch, depth, columns))
    (multiplier,), (shift,) = arena.scale(1)
    acc = np.einsum("zbmk,zbkn->zbmn", a.astype(np.int64) - zp_a, b.astype(np.int64) - zp_b)
    expected = rescale_oracle(acc, multiplier, shift, zp_out, -128, 127, True)

    right = arena.put(b.transpose(0, 1, 3, 2).copy() if transposed else b, plain=True)
    if transposed:
        n, height, row, column = right.strides
        right = Operand(right.space, right.dtype, right.base, b.shape, (n, height, column, row))
    found = executed(
        Matmul(
            a=arena.put(a), b=right, ofm=arena.view(expected.shape), zp_a=zp_a, zp_b=zp_b, zp_out=zp_out,
            multiplier=int(multiplier), shift=int(shift), double_round=1,
        ),
        arena,
    )  # fmt: skip
    np.testing.assert_array_equal(found, expected)


def broadcast(arena, shape):
    """An operand that reads one stored value for all of `shape` along random dimensions."""
    free = tuple(1 if arena.random.random() < 0.3 else extent for extent in shape)
    stored = arena.put(arena.integers(free), plain=True)
    strides = tuple(0 if small == 1 else stride for small, stride in zip(free, stored.strides, strict=True))
    return Operand(stored.space, stored.dtype, stored.base, shape, strides)


@EXAMPLES
@given(seed=SEEDS, kind=st.sampled_from([ElementwiseKind.ADD, ElementwiseKind.SUB, ElementwiseKind.MUL]), double_round=st.booleans())
def test_sums_and_products_equal_python_integers_with_broadcast_inputs(seed, kind, double_round):
    arena = Arena(seed)
    shape = tuple(int(v) for v in arena.random.integers(1, 6, 4))
    a, b = broadcast(arena, shape), broadcast(arena, shape)
    zp_a, zp_b, zp_out = (int(v) for v in arena.random.integers(-128, 128, 3))
    m, s = (values.tolist() for values in arena.scale(3))
    s_in = [shift - 20 for shift in s[:2]]
    left, right = arena.get(a).astype(np.int64) - zp_a, arena.get(b).astype(np.int64) - zp_b
    wide = -(1 << 62), 1 << 62
    if kind is ElementwiseKind.MUL:
        total = left * right
    else:
        left = rescale_oracle(left, np.array(m[0]), np.array(s_in[0]), 0, *wide, double_round)
        right = rescale_oracle(right, np.array(m[1]), np.array(s_in[1]), 0, *wide, double_round)
        total = left + right if kind is ElementwiseKind.ADD else left - right
        s[2] = s[2] + 18
    expected = rescale_oracle(total, np.array(m[2]), np.array(s[2]), zp_out, -100, 90, double_round)
    found = executed(
        Elementwise(
            kind=kind, a=a, b=b, ofm=arena.view(shape), zp_a=zp_a, zp_b=zp_b, multiplier_a=m[0], shift_a=s_in[0], multiplier_b=m[1],
            shift_b=s_in[1], multiplier=m[2], shift=s[2], zp_out=zp_out, lo=-100, hi=90, double_round=int(double_round),
        ),
        arena,
    )  # fmt: skip
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("kind", "oracle"), [(ElementwiseKind.MAXIMUM, np.maximum), (ElementwiseKind.MINIMUM, np.minimum)])
def test_extrema_are_those_of_the_stored_values(kind, oracle):
    arena = Arena(1)
    a, b = arena.put(arena.integers((1, 3, 4, 5))), arena.put(arena.integers((1, 3, 4, 5)))
    expected = oracle(arena.get(a), arena.get(b))
    np.testing.assert_array_equal(executed(Elementwise(kind=kind, a=a, b=b, ofm=arena.view((1, 3, 4, 5))), arena), expected)


@EXAMPLES
@given(seed=SEEDS, dtype=st.sampled_from([DType.I8, DType.I16, DType.I32]))
def test_copy_and_dma_pad_and_transpose_any_type(seed, dtype):
    arena = Arena(seed)
    values = arena.integers((2, 3, 4, 5), dtype.numpy)
    source = padded(arena.put(values, Space.DRAM), (1, 0, 2, 1), -7)
    expected = np.pad(values, ((0, 0), (1, 0), (2, 1), (0, 0)), constant_values=-7)
    brought = Dma(src=source, dst=arena.view(expected.shape, dtype))
    np.testing.assert_array_equal(executed(brought, arena), expected)
    n, h, w, c = brought.dst.strides
    if brought.dst.wrap_rows:
        return
    turned = Operand(Space.SRAM, dtype, brought.dst.base, (2, 5, 7, 4), (n, c, w, h))
    copied = Elementwise(kind=ElementwiseKind.COPY, a=turned, ofm=arena.view((2, 5, 7, 4), dtype))
    np.testing.assert_array_equal(executed(copied, arena), expected.transpose(0, 3, 2, 1))


def test_dma_without_a_source_fills():
    arena = Arena(3)
    found = executed(Dma(dst=arena.view((1, 4, 3, 2)), fill_value=-5), arena)
    np.testing.assert_array_equal(found, np.full((1, 4, 3, 2), -5))


@EXAMPLES
@given(seed=SEEDS)
def test_max_pool_equals_pytorch(seed):
    arena = Arena(seed)
    kernel, strides, _, pads, image = window(arena.random)
    pads = tuple(min(pad, kernel[axis] - 1) for pad, axis in zip(pads, (0, 0, 1, 1), strict=True))
    x = arena.integers((2, *image, 5))
    top, bottom, left, right = pads
    wide = torch.nn.functional.pad(torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2), (left, right, top, bottom), value=-1e9)
    expected = torch.nn.functional.max_pool2d(wide, kernel, strides).permute(0, 2, 3, 1).numpy().clip(-20, 100)
    instruction = Pool(
        kind=PoolKind.MAX, ifm=padded(arena.put(x), pads, 99), ofm=arena.view(expected.shape),
        kernel_h=kernel[0], kernel_w=kernel[1], stride_h=strides[0], stride_w=strides[1], lo=-20, hi=100,
    )  # fmt: skip
    np.testing.assert_array_equal(executed(instruction, arena), expected)


@EXAMPLES
@given(seed=SEEDS, one_divisor=st.booleans())
def test_avg_pool_divides_by_the_positions_inside_the_image(seed, one_divisor):
    arena = Arena(seed)
    kernel, strides, _, pads, image = window(arena.random)
    pads = tuple(min(pad, kernel[axis] - 1) for pad, axis in zip(pads, (0, 0, 1, 1), strict=True))
    x, zp_x = arena.integers((1, *image, 3)), int(arena.random.integers(-128, 128))
    taps = kernel[0] * kernel[1]
    records = 1 if one_divisor else taps
    multiplier, shift = arena.scale(records)
    shift = np.minimum(shift, 36)
    ones = torch_conv(np.ones((1, *image, 1), np.int8), np.ones((1, *kernel, 1), np.int8), 0, 0, strides, (1, 1), pads, 1)
    total = torch_conv(x, np.ones((3, *kernel, 1), np.int8), zp_x, 0, strides, (1, 1), pads, 3)
    index = np.zeros_like(ones) if one_divisor else ones - 1
    expected = rescale_oracle(total, multiplier[index], shift[index], 4, -128, 127, False)
    instruction = Pool(
        kind=PoolKind.AVG, ifm=padded(arena.put(x), pads, 55), scales=store_scales(arena, np.zeros(records, np.int32), multiplier, shift),
        ofm=arena.view(expected.shape), kernel_h=kernel[0], kernel_w=kernel[1], stride_h=strides[0], stride_w=strides[1], zp_x=zp_x, zp_out=4,
    )  # fmt: skip
    np.testing.assert_array_equal(executed(instruction, arena), expected)


AXES = st.sampled_from([(1,), (2,), (3,), (1, 2), (1, 2, 3)])


@EXAMPLES
@given(seed=SEEDS, axes=AXES)
def test_a_mean_equals_python_integers(seed, axes):
    arena = Arena(seed)
    x, zp_x = arena.integers((2, 3, 4, 5)), int(arena.random.integers(-128, 128))
    (multiplier,), (shift,) = arena.scale(1)
    total = (x.astype(np.int64) - zp_x).sum(axis=axes, keepdims=True)
    expected = rescale_oracle(total, multiplier, shift, -3, -128, 127, True)
    flags = {"reduce_h": int(1 in axes), "reduce_w": int(2 in axes), "reduce_c": int(3 in axes)}
    instruction = Reduce(
        kind=ReduceKind.SUM, ifm=arena.put(x), ofm=arena.view(expected.shape), zp_x=zp_x, multiplier=int(multiplier), shift=int(shift),
        zp_out=-3, double_round=1, **flags,
    )  # fmt: skip
    np.testing.assert_array_equal(executed(instruction, arena), expected)
    greatest = Reduce(kind=ReduceKind.MAX, ifm=instruction.ifm, ofm=arena.view(expected.shape), **flags)
    np.testing.assert_array_equal(executed(greatest, arena), x.max(axis=axes, keepdims=True))


def test_a_raw_sum_divides_each_input_first_with_halves_away_from_zero():
    arena = Arena(4)
    x = arena.random.integers(-(1 << 20), 1 << 20, (1, 2, 3, 50)).astype(np.int32)
    x[0, 0, 0, :4] = 8, -8, 24, -24
    away = np.trunc(x / 16 + np.copysign(0.5, x)).astype(np.int64)
    instruction = Reduce(kind=ReduceKind.SUM, ifm=arena.put(x), ofm=arena.view((1, 2, 3, 1), DType.I32), reduce_c=1, raw=1, pre_shift=4)
    np.testing.assert_array_equal(executed(instruction, arena), away.sum(axis=3, keepdims=True))


def test_a_table_answers_for_every_i8():
    arena = Arena(5)
    x, entries = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 4, 4), arena.integers((1, 1, 1, 256))
    found = executed(Table(ifm=arena.put(x), table=arena.put(entries, plain=True), ofm=arena.view(x.shape)), arena)
    np.testing.assert_array_equal(found.reshape(-1), entries.reshape(-1))


@pytest.mark.parametrize("out", [(8, 10), (4, 5), (12, 15), (7, 3)])
def test_nearest_resize_by_floor_equals_pytorch(out):
    arena = Arena(6)
    x = arena.integers((1, 4, 5, 3))
    expected = torch.nn.functional.interpolate(torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2), size=out, mode="nearest")
    instruction = Resize(
        ifm=arena.put(x),
        ofm=arena.view((1, *out, 3)),
        scale_y_n=out[0],
        scale_y_d=4,
        scale_x_n=out[1],
        scale_x_d=5,
        rounding=ResizeRounding.FLOOR,
    )
    np.testing.assert_array_equal(executed(instruction, arena), expected.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize("out", [(8, 10), (7, 3), (9, 13)])
def test_nearest_resize_by_half_equals_pytorch_exact(out):
    """PyTorch's nearest-exact looks at pixel centres: position (o + 1/2) * in / out - 1/2, rounded half up."""
    arena = Arena(7)
    x = arena.integers((1, 4, 5, 3))
    expected = torch.nn.functional.interpolate(torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2), size=out, mode="nearest-exact")
    instruction = Resize(
        ifm=arena.put(x), ofm=arena.view((1, *out, 3)), rounding=ResizeRounding.HALF, scale_y_n=2 * out[0], scale_y_d=2 * 4,
        offset_y=4 - out[0], scale_x_n=2 * out[1], scale_x_d=2 * 5, offset_x=5 - out[1],
    )  # fmt: skip
    np.testing.assert_array_equal(executed(instruction, arena), expected.permute(0, 2, 3, 1).numpy())


@EXAMPLES
@given(seed=SEEDS, scale=st.floats(0.01, 0.5))
def test_the_softmax_sequence_stays_within_one_step_of_the_float_softmax(seed, scale):
    """The bits are checked against TFLite's kernels where the op is; here the chain of four instructions."""
    arena = Arena(seed)
    x = arena.integers((1, 2, 3, 11))
    ifm, row = arena.put(x), (1, 2, 3, 1)
    table = arena.put(softmax.exp_table(scale).reshape(1, 1, 1, 256), plain=True)
    row_max, exps = arena.view(row), arena.view(x.shape, DType.I32)
    row_sum, out = arena.view(row, DType.I32), arena.view(x.shape)
    executed(Reduce(kind=ReduceKind.MAX, ifm=ifm, ofm=row_max, reduce_c=1), arena)
    executed(SoftmaxExp(ifm=ifm, row_max=row_max, table=table, ofm=exps), arena)
    executed(Reduce(kind=ReduceKind.SUM, ifm=exps, ofm=row_sum, reduce_c=1, raw=1, pre_shift=12), arena)
    found = executed(SoftmaxNorm(exps=exps, row_sum=row_sum, ofm=out), arena)
    expected = torch.softmax(torch.from_numpy(x.astype(np.float64) * scale), dim=3).numpy()
    assert np.abs((found.astype(np.float64) + 128) / 256 - expected).max() <= 1 / 256 + 1e-5
