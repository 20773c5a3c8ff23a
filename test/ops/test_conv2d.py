# SPDX-License-Identifier: Apache-2.0
"""conv2d against torch's float64 convolution, exact on these integers."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.conv2d import Conv2d
from npuc.targets import get, names
from ops.harness import (
    assert_commands_equal_reference,
    i8,
    int_rescale,
    pick,
    place,
    random_rescale,
    raw_or_i8,
    total_cycles,
    upto,
    values,
    zero_point,
)

torch = pytest.importorskip("torch")


def window(rng, largest_kernel=3):
    """Image extent, kernel, stride, dilation, padding of one dimension; the stride may leave some of it unread."""
    kernel, stride, dilation = upto(rng, largest_kernel), upto(rng, 3), upto(rng, 2)
    reach = (kernel - 1) * dilation + 1
    before, after = upto(rng, reach - 1, 0), upto(rng, reach - 1, 0)
    extent = (upto(rng, 5) - 1) * stride + reach - before - after + upto(rng, stride - 1, 0)
    while extent < 1:
        extent += stride
    return extent, kernel, stride, dilation, before, after


def random_spec(rng):
    groups = pick(rng, 1, 1, 2, 3)
    group_in, group_out = upto(rng, 5), upto(rng, 4)
    (h, kh, sh, dh, top, bottom), (w, kw, sw, dw, left, right) = window(rng), window(rng)
    channels = groups * group_out
    return Conv2d.of(
        i8(upto(rng, 2), h, w, groups * group_in), i8(channels, kh, kw, group_in), TensorType((channels,), "i32"), output=raw_or_i8(rng),
        strides=(sh, sw), dilation=(dh, dw), pads=(top, bottom, left, right), groups=groups, zp_x=zero_point(rng),
        zp_w=pick(rng, 0, zero_point(rng)), rescale=random_rescale(rng, pick(rng, 1, channels), 1 / (40 * group_in * kh * kw)),
    )  # fmt: skip


def torch_accumulator(spec, x, weights, bias, groups):
    """i64 accumulators from torch: weights [O, I, KH, KW]."""
    top, bottom, left, right = spec.pads
    image = torch.from_numpy(x.astype(np.float64) - spec.zp_x).permute(0, 3, 1, 2)
    image = torch.nn.functional.pad(image, (left, right, top, bottom))
    kernel, offset = torch.from_numpy(weights.astype(np.float64) - spec.zp_w), torch.from_numpy(bias.astype(np.float64))
    acc = torch.nn.functional.conv2d(image, kernel, offset, spec.strides, 0, spec.dilation, groups)
    return acc.permute(0, 2, 3, 1).numpy().astype(np.int64)


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch_convolution(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    x, weights, bias = values(rng, spec)
    acc = torch_accumulator(spec, x, weights.transpose(0, 3, 1, 2), bias, spec.groups)
    np.testing.assert_array_equal(spec.reference(x, weights, bias), acc if spec.output.dtype == "i32" else int_rescale(acc, spec.rescale))


def test_deep_sums_are_exact():
    """9 * 2048 products of 255 * 255 leave the integers of f32 behind."""
    spec = Conv2d.of(i8(1, 3, 3, 2048), i8(1, 3, 3, 2048), TensorType((1,), "i32"), zp_x=127, zp_w=127)
    x, weights, bias = (
        np.full((1, 3, 3, 2048), -128, np.int8),
        np.full((1, 3, 3, 2048), -128, np.int8),
        np.array([-1198540800 + 100], np.int32),
    )
    assert spec.reference(x, weights, bias).item() == 100


def test_the_accumulator_must_hold_the_actual_weights():
    spec = Conv2d.of(i8(1, 1, 1, 70000), i8(1, 1, 1, 70000), TensorType((1,), "i32"), zp_x=-128)
    target = get("edge-256")
    small, large, bias = np.ones((1, 1, 1, 70000), np.int8), np.full((1, 1, 1, 70000), -128, np.int8), np.zeros(1, np.int32)
    assert not list(spec.limits_with_params(target, small, bias))
    (refusal,) = spec.limits_with_params(target, large, bias)
    assert refusal.found == str(70000 * 128 * 255)


def test_grouped_channels_are_cut_at_the_borders_of_groups_or_within_one():
    rng = np.random.default_rng(0)
    spec = Conv2d.of(i8(1, 2, 2, 6), i8(9, 1, 1, 2), TensorType((9,), "i32"), groups=3)
    inputs = values(rng, spec)
    whole = spec.reference(*inputs)
    for start, size in ((0, 3), (3, 6), (1, 2), (4, 1)):
        tile = spec.tile(((0, 1), (0, 2), (0, 2), (start, size)))
        parts = [array[tuple(slice(a, a + n) for a, n in region)] for array, region in zip(inputs, tile.regions, strict=True)]
        np.testing.assert_array_equal(tile.spec.reference(*parts), whole[..., start : start + size])
    with pytest.raises(ValueError, match="cut groups of 3, wanted whole groups or a part of one"):
        spec.tile(((0, 1), (0, 2), (0, 2), (2, 2)))


def narrow_spec(rng):
    """Few channels under a kernel of several columns."""
    channels, depth = upto(rng, 40), pick(rng, 1, 1, 2, 3, 4, 7)
    (h, kh, sh, _, top, bottom), kw, sw = window(rng, 5), upto(rng, 9, 2), upto(rng, 3)
    left, right = upto(rng, kw - 1, 0), upto(rng, kw - 1, 0)
    return Conv2d.of(
        i8(upto(rng, 2), h, kw + upto(rng, 20, 0), depth), i8(channels, kh, kw, depth), TensorType((channels,), "i32"), output=raw_or_i8(rng),
        strides=(sh, sw), pads=(min(top, kh - 1), min(bottom, kh - 1), left, right), zp_x=zero_point(rng), zp_w=pick(rng, 0, zero_point(rng)),
        rescale=random_rescale(rng, pick(rng, 1, channels), 1 / (40 * depth * kh * kw)),
    )  # fmt: skip


@pytest.mark.parametrize("machine", names())
def test_columns_become_channels_where_that_is_faster(machine):
    """Windows within the image, and those at both borders, give the reference's values; what is emitted is never dearer than one command."""
    rng, target, cut = np.random.default_rng(11), get(machine), 0
    for _ in range(60):
        try:
            spec = narrow_spec(rng)
        except ValueError:
            # the kernel is larger than the image
            continue
        inputs = values(rng, spec)
        assert_commands_equal_reference(rng, spec, inputs, target)
        memory, arguments = place(rng, spec, inputs, target)
        emitted = spec.emit(*arguments)
        if len(emitted) > 1 or emitted[0].ifm.shape[3] != spec.inputs[0].shape[3]:
            cut += 1
            assert all(one.weights.shape[2] == one.stride_w == 1 for one in emitted)
            assert sum(one.ofm.shape[2] for one in emitted) == spec.output.shape[2]
            assert emitted[0].ifm.shape[3] == spec.inputs[1].shape[2] * spec.inputs[0].shape[3]
    assert cut >= 5


def test_a_bound_counts_columns_as_channels():
    """A kernel of 10 by 4 over one channel takes 10 steps of an array that adds up eight channels at once, not 40."""
    spec = Conv2d.of(i8(1, 49, 13, 1), i8(8, 10, 4, 1), TensorType((8,), "i32"), output=TensorType((), "i8"), strides=(2, 2))
    rng, target = np.random.default_rng(0), get("edge-256")
    steps = -(-spec.output.shape[1] // 2) * -(-spec.output.shape[2] // 2) * 10
    assert spec.array_cycles(target) == steps
    assert steps <= total_cycles(rng, spec, values(rng, spec), target) < 2 * steps
