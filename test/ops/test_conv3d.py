# SPDX-License-Identifier: Apache-2.0
"""conv3d against torch's float64 convolution, exact on these integers."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.conv3d import Conv3d
from ops.harness import i8, upto, values, zero_point
from ops.test_conv2d import window

torch = pytest.importorskip("torch")


def random_spec(rng):
    windows = [window(rng, 2) for _ in range(3)]
    extents, kernel, strides, dilation, before, after = (tuple(column) for column in zip(*windows, strict=True))
    channels, out = upto(rng, 3), upto(rng, 3)
    return Conv3d.of(
        i8(upto(rng, 2), *extents, channels), i8(out, *kernel, channels), TensorType((out,), "i32"), strides=strides, dilation=dilation,
        pads=tuple(pad for pair in zip(before, after, strict=True) for pad in pair), zp_x=zero_point(rng), zp_w=zero_point(rng),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch_convolution(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    x, weights, bias = values(rng, spec)
    front, back, top, bottom, left, right = spec.pads
    volume = torch.from_numpy(x.astype(np.float64) - spec.zp_x).permute(0, 4, 1, 2, 3)
    volume = torch.nn.functional.pad(volume, (left, right, top, bottom, front, back))
    kernel = torch.from_numpy(weights.astype(np.float64) - spec.zp_w).permute(0, 4, 1, 2, 3)
    acc = torch.nn.functional.conv3d(volume, kernel, torch.from_numpy(bias.astype(np.float64)), spec.strides, 0, spec.dilation)
    np.testing.assert_array_equal(spec.reference(x, weights, bias), acc.permute(0, 2, 3, 4, 1).numpy().astype(np.int32))
