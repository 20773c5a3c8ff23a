# SPDX-License-Identifier: Apache-2.0
"""depthwise_conv2d against torch's convolution with as many groups as input channels."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.targets import get
from ops.harness import i8, int_rescale, pick, random_rescale, raw_or_i8, upto, values, zero_point
from ops.test_conv2d import torch_accumulator, window


def random_spec(rng):
    multiplier, channels = pick(rng, 1, 1, 2, 3), upto(rng, 6)
    (h, kh, sh, dh, top, bottom), (w, kw, sw, dw, left, right) = window(rng), window(rng)
    out = multiplier * channels
    return DepthwiseConv2d.of(
        i8(upto(rng, 2), h, w, channels), i8(kh, kw, out), TensorType((out,), "i32"), output=raw_or_i8(rng),
        strides=(sh, sw), dilation=(dh, dw), pads=(top, bottom, left, right), zp_x=zero_point(rng), zp_w=pick(rng, 0, zero_point(rng)),
        rescale=random_rescale(rng, pick(rng, 1, out), 1 / (40 * kh * kw)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch_convolution_in_groups(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    x, weights, bias = values(rng, spec)
    acc = torch_accumulator(spec, x, weights.transpose(2, 0, 1)[:, None], bias, x.shape[3])
    np.testing.assert_array_equal(spec.reference(x, weights, bias), acc if spec.output.dtype == "i32" else int_rescale(acc, spec.rescale))


def test_sets_of_channels_are_cut_at_their_borders_or_within_one():
    rng = np.random.default_rng(0)
    spec = DepthwiseConv2d.of(i8(1, 2, 2, 3), i8(1, 1, 6), TensorType((6,), "i32"))
    x, weights, bias = values(rng, spec)
    whole = spec.reference(x, weights, bias)
    for start, size in ((0, 2), (2, 4), (3, 1)):
        tile = spec.tile(((0, 1), (0, 2), (0, 2), (start, size)))
        parts = [array[tuple(slice(a, a + n) for a, n in region)] for array, region in zip((x, weights, bias), tile.regions, strict=True)]
        np.testing.assert_array_equal(tile.spec.reference(*parts), whole[..., start : start + size])
    with pytest.raises(ValueError, match="cut sets of 2, wanted whole sets or a part of one"):
        spec.tile(((0, 1), (0, 2), (0, 2), (1, 2)))


def test_the_accumulator_must_hold_the_actual_weights():
    spec = DepthwiseConv2d.of(i8(1, 300, 300, 1), i8(300, 300, 1), TensorType((1,), "i32"), zp_x=-128)
    (refusal,) = spec.limits_with_params(get("edge-256"), np.full((300, 300, 1), -128, np.int8), np.zeros(1, np.int32))
    assert refusal.found == str(90000 * 128 * 255)
