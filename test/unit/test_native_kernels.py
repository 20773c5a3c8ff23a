# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels equal PyTorch's float64 convolution (exact below 2**53), numpy's int64 product and Python's integers."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

native = pytest.importorskip("npuc._native", reason="npuc._native is not built (no C++ compiler at installation)")
torch = pytest.importorskip("torch", reason="the oracle of the convolutions is PyTorch")

INT8 = st.integers(-128, 127)


def int8_array(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random int8, biased to the extremes, where saturating or narrow arithmetic goes wrong."""
    values = rng.integers(-128, 128, shape, dtype=np.int8)
    extreme = rng.choice(np.array([-128, 127], np.int8), shape)
    return np.where(rng.random(shape) < 0.3, extreme, values)


def wrapped(values: np.ndarray) -> np.ndarray:
    """int64 to int32 modulo 2**32."""
    return values.astype(np.int64).astype(np.int32)


def conv_oracle(x, w_ohwi, zp_x, zp_w, bias, strides, dilation, pads, groups) -> np.ndarray:
    """PyTorch in float64: the zero points are taken off first, so padding is zero."""
    image = torch.from_numpy(x.astype(np.float64) - zp_x).permute(0, 3, 1, 2)
    weights = torch.from_numpy(w_ohwi.astype(np.float64) - zp_w).permute(0, 3, 1, 2)
    top, bottom, left, right = pads
    padded = torch.nn.functional.pad(image, (left, right, top, bottom))
    out = torch.nn.functional.conv2d(padded, weights, stride=strides, dilation=dilation, groups=groups)
    return wrapped(out.permute(0, 2, 3, 1).numpy() + bias.astype(np.float64))


@st.composite
def windows(draw: Callable) -> dict:
    """A window that fits the padded image, whose rows and columns may remain unused at the far edges."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = draw(st.tuples(*[st.integers(0, 4)] * 4))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    height = draw(st.integers(max(1, reach[0] - pads[0] - pads[1]), reach[0] + 6))
    width = draw(st.integers(max(1, reach[1] - pads[2] - pads[3]), reach[1] + 6))
    return {"image": (height, width), "kernel": kernel, "strides": strides, "dilation": dilation, "pads": pads}


@settings(max_examples=150)
@given(
    window=windows(), batch=st.integers(1, 2), groups=st.integers(1, 3), group_in=st.integers(1, 19), group_out=st.integers(1, 9),
    zp_x=INT8, zp_w=INT8, seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_conv2d_equals_pytorch(window, batch, groups, group_in, group_out, zp_x, zp_w, seed):
    rng = np.random.default_rng(seed)
    x = int8_array(rng, (batch, *window["image"], groups * group_in))
    w = int8_array(rng, (groups * group_out, *window["kernel"], group_in))
    bias = rng.integers(-(2**24), 2**24, groups * group_out, dtype=np.int32)
    rest = (window["strides"], window["dilation"], window["pads"])
    got = native.conv2d_acc(x, w, zp_x, zp_w, bias, *rest, groups)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, conv_oracle(x, w, zp_x, zp_w, bias, *rest, groups))


@settings(max_examples=100)
@given(
    window=windows(), batch=st.integers(1, 2), channels=st.integers(1, 35), multiplier=st.integers(1, 3), zp_x=INT8, zp_w=INT8,
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_depthwise_equals_pytorch_grouped(window, batch, channels, multiplier, zp_x, zp_w, seed):
    rng = np.random.default_rng(seed)
    x = int8_array(rng, (batch, *window["image"], channels))
    w = int8_array(rng, (*window["kernel"], channels * multiplier))
    bias = rng.integers(-(2**24), 2**24, channels * multiplier, dtype=np.int32)
    rest = (window["strides"], window["dilation"], window["pads"])
    got = native.depthwise_acc(x, w, zp_x, zp_w, bias, *rest)
    assert got.dtype == np.int32
    as_grouped = np.ascontiguousarray(w.transpose(2, 0, 1)[..., None])
    np.testing.assert_array_equal(got, conv_oracle(x, as_grouped, zp_x, zp_w, bias, *rest, channels))


@settings(max_examples=100)
@given(
    batch=st.integers(1, 3), rows=st.integers(1, 9), depth=st.integers(1, 70), columns=st.integers(1, 9), zp_a=INT8, zp_b=INT8,
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_matmul_equals_numpy(batch, rows, depth, columns, zp_a, zp_b, seed):
    rng = np.random.default_rng(seed)
    a, b = int8_array(rng, (batch, rows, depth)), int8_array(rng, (batch, depth, columns))
    got = native.matmul_acc(a, b, zp_a, zp_b)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, (a.astype(np.int64) - zp_a) @ (b.astype(np.int64) - zp_b))


@pytest.mark.parametrize(("value", "zero_point"), [(-128, 127), (127, -128), (-128, -128), (-128, 0), (127, 127)])
def test_extremes_do_not_saturate(value, zero_point):
    """Every product is (value - zero_point)**2, up to 255**2, the case on which 16-bit pair sums fail."""
    square = (value - zero_point) ** 2
    x = np.full((1, 3, 3, 512), value, np.int8)
    w = np.full((5, 3, 3, 512), value, np.int8)
    assert (native.conv2d_acc(x, w, zero_point, zero_point) == 9 * 512 * square).all()
    assert (native.depthwise_acc(x, np.full((3, 3, 512), value, np.int8), zero_point, zero_point) == 9 * square).all()
    a = np.full((1, 6, 4096), value, np.int8)
    assert (native.matmul_acc(a, a.transpose(0, 2, 1).copy(), zero_point, zero_point) == 4096 * square).all()


def test_an_overflowing_accumulator_wraps():
    """40000 products of 255**2 are more than 2**31; the sum is defined, modulo 2**32."""
    a = np.full((1, 1, 40000), -128, np.int8)
    got = native.matmul_acc(a, a.reshape(1, 40000, 1), 127, 127)
    assert got[0, 0, 0] == wrapped(np.array(40000 * 255**2))
    largest = np.array([2**31 - 1], np.int32)
    got = native.conv2d_acc(np.full((1, 1, 1, 1), 1, np.int8), np.full((1, 1, 1, 1), 1, np.int8), 0, 0, largest)
    assert got.item() == -(2**31)


def test_no_bias_is_a_bias_of_zero():
    rng = np.random.default_rng(0)
    x, w = int8_array(rng, (1, 5, 5, 4)), int8_array(rng, (6, 3, 3, 4))
    np.testing.assert_array_equal(native.conv2d_acc(x, w, 3, 0), native.conv2d_acc(x, w, 3, 0, np.zeros(6, np.int32)))


def test_read_only_arrays_are_taken():
    x, w = np.ones((1, 2, 2, 1), np.int8), np.ones((1, 2, 2, 1), np.int8)
    x.flags.writeable = w.flags.writeable = False
    assert native.conv2d_acc(x, w, 0, 0).item() == 4


def rescale_oracle(value: int, multiplier: int, shift: int, zp_out: int, lo: int, hi: int, double_round: bool) -> int:
    """numerics, "Rescale", in Python's unbounded integers."""
    if multiplier == 0:
        return min(max(zp_out, lo), hi)
    rounding = 1 << (shift - 1)
    if double_round and shift > 31:
        rounding += (1 << 30) if value >= 0 else -(1 << 30)
    return min(max(((value * multiplier + rounding) >> shift) + zp_out, lo), hi)


INT32 = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-3000, 3000), st.sampled_from([-(2**31), 2**31 - 1, 0, -1, 1]))
MULTIPLIER = st.one_of(st.just(0), st.integers(2**30, 2**31 - 1), st.sampled_from([1, 2**30, 2**31 - 1]))


@settings(max_examples=300)
@given(
    values=st.lists(INT32, min_size=1, max_size=24), scales=st.lists(st.tuples(MULTIPLIER, st.integers(2, 62)), min_size=1, max_size=6),
    per_channel=st.booleans(), zp_out=INT8, bounds=st.tuples(INT8, INT8), double_round=st.booleans(),
)  # fmt: skip
def test_rescale_equals_unbounded_integers(values, scales, per_channel, zp_out, bounds, double_round):
    lo, hi = sorted(bounds)
    channels = len(scales)
    scales = scales if per_channel else scales[:1]
    acc = np.resize(np.array(values, np.int32), (2, 3, channels))
    multiplier = np.array([m for m, _ in scales], np.int32)
    shift = np.array([s for _, s in scales], np.int32)
    got = native.rescale(acc, multiplier, shift, zp_out, lo, hi, double_round)
    assert (got.dtype, got.shape) == (np.int8, acc.shape)
    wanted = [
        rescale_oracle(int(acc[index]), *scales[index[2] % len(scales)], zp_out, lo, hi, double_round) for index in np.ndindex(acc.shape)
    ]
    np.testing.assert_array_equal(got.ravel(), np.array(wanted, np.int8))


def test_the_two_roundings_differ_by_one_step_at_a_tie():
    """-2 and 2 at scale 1/4: single rounding takes -1/2 up to 0, double rounding away from zero to -1."""
    acc, multiplier, shift = np.array([[-2, 2]], np.int32), np.array([2**30], np.int32), np.array([32], np.int32)
    assert native.rescale(acc, multiplier, shift, 0, -128, 127).tolist() == [[0, 1]]
    assert native.rescale(acc, multiplier, shift, 0, -128, 127, True).tolist() == [[-1, 1]]


X, W, SCALE = np.zeros((1, 4, 4, 6), np.int8), np.zeros((4, 3, 3, 6), np.int8), np.array([2**30], np.int32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: native.conv2d_acc(X.astype(np.float32), W, 0, 0), TypeError, "x: dtype is float32, wanted int8"),
        (lambda: native.conv2d_acc(X.astype(np.uint8), W, 0, 0), TypeError, "x: dtype is uint8, wanted int8"),
        (lambda: native.conv2d_acc(X[0], W, 0, 0), ValueError, r"x: shape is \(4, 4, 6\), wanted 4 dimensions"),
        (lambda: native.conv2d_acc(X[:, ::2], W, 0, 0), ValueError, "x: not C-contiguous"),
        (lambda: native.conv2d_acc(X[:0], W, 0, 0), ValueError, "x: .*wanted every extent at least 1"),
        (lambda: native.conv2d_acc(X, W, 128, 0), ValueError, r"zp_x is 128, wanted -128\.\.127"),
        (lambda: native.conv2d_acc(X, W, 0, -129), ValueError, "zp_w is -129"),
        (lambda: native.conv2d_acc(X, W, 0, 0, np.zeros(3, np.int32)), ValueError, r"bias: shape is \(3\), wanted \(4,\)"),
        (lambda: native.conv2d_acc(X, W, 0, 0, np.zeros(4, np.int64)), TypeError, "bias: dtype is int64, wanted int32"),
        (lambda: native.conv2d_acc(X, W, 0, 0, None, (0, 1)), ValueError, "strides is 0"),
        (lambda: native.conv2d_acc(X, W, 0, 0, dilation=(1, 0)), ValueError, "dilation is 0"),
        (lambda: native.conv2d_acc(X, W, 0, 0, pads=(0, -1, 0, 0)), ValueError, "pads is -1"),
        (lambda: native.conv2d_acc(X, W, 0, 0, dilation=(2, 1)), ValueError, "rows short: 1, columns short: 0"),
        (lambda: native.conv2d_acc(X, W, 0, 0, groups=4), ValueError, "groups is 4, wanted a divisor"),
        (lambda: native.conv2d_acc(X, W, 0, 0, groups=2), ValueError, "w: input channels per group are 6, wanted 3"),
        (lambda: native.depthwise_acc(X, W, 0, 0), ValueError, "w: .*wanted 3 dimensions"),
        (lambda: native.depthwise_acc(X, W[:, :, 0], 0, 0), ValueError, "not C-contiguous"),
        (lambda: native.depthwise_acc(X, np.zeros((3, 3, 7), np.int8), 0, 0), ValueError, "output channels are 7, wanted a multiple"),
        (lambda: native.matmul_acc(X[0], X[0], 0, 0), ValueError, r"b: shape is \(4, 4, 6\), wanted \(4, 6, N\)"),
        (lambda: native.rescale(X[0], SCALE, SCALE, 0, 0, 0), TypeError, "acc: dtype is int8, wanted int32"),
        (lambda: native.rescale(SCALE, SCALE, SCALE, 0, 0, 0), ValueError, r"shift is 1073741824, wanted 2\.\.62"),
        (lambda: native.rescale(SCALE, -SCALE, SCALE, 0, 0, 0), ValueError, "multiplier is -1073741824, wanted 0"),
        (lambda: native.rescale(SCALE, SCALE, SCALE[:0], 0, 0, 0), ValueError, "shift: .*at least 1"),
        (lambda: native.rescale(np.zeros((2, 3), np.int32), np.zeros(2, np.int32), SCALE, 0, 0, 0), ValueError, "multiplier: 2 values"),
        (lambda: native.rescale(SCALE, SCALE, SCALE, 0, 5, 4), ValueError, r"hi is 4, wanted 5\.\.127"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
