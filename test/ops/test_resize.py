# SPDX-License-Identifier: Apache-2.0
"""resize against torch's interpolate, mode nearest and nearest-exact."""

import numpy as np
import pytest

from npuc.ops.resize import Resize, nearest_scale
from ops.harness import i8, pick, upto, values

torch = pytest.importorskip("torch")


def random_dimension(rng):
    """Extent, (n, d), offset, border with an output of at least one position."""
    while True:
        extent, n, d, offset = upto(rng, 6), upto(rng, 5), upto(rng, 5), upto(rng, 6, -6)
        out = upto(rng, 9)
        border = (out - 1) * d - (extent - 1) * n + offset
        if abs(border) <= 12:
            return extent, (n, d), offset, border


def random_spec(rng):
    (h, scale_y, offset_y, border_y), (w, scale_x, offset_x, border_x) = random_dimension(rng), random_dimension(rng)
    return Resize.of(
        i8(upto(rng, 2), h, w, upto(rng, 5)), scale_y=scale_y, scale_x=scale_x, offset=(offset_y, offset_x), border=(border_y, border_x),
        rounding=pick(rng, "floor", "half", "bilinear"),
    )  # fmt: skip


def torch_nearest(x, size, mode):
    image = torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2)
    return torch.nn.functional.interpolate(image, size=size, mode=mode).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("size", [(8, 8), (12, 4), (2, 16), (4, 4)])
def test_floor_equals_torch_nearest(size):
    (scale_y, border_y), (scale_x, border_x) = nearest_scale(4, size[0]), nearest_scale(4, size[1])
    spec = Resize.of(i8(2, 4, 4, 3), scale_y=scale_y, scale_x=scale_x, border=(border_y, border_x))
    (x,) = values(np.random.default_rng(0), spec)
    np.testing.assert_array_equal(spec.reference(x), torch_nearest(x, size, "nearest"))


def test_half_takes_the_upper_neighbour_from_half_a_step_on():
    spec = Resize.of(i8(1, 3, 1, 1), scale_y=(2, 1), scale_x=(1, 1), border=(1, 0), rounding="half")
    assert spec.reference(np.array([10, 20, 30], np.int8).reshape(1, 3, 1, 1)).ravel().tolist() == [10, 20, 20, 30, 30, 30]


def test_an_offset_of_half_a_step_equals_torch_nearest_exact():
    # p = (2 o + 1) * 4, floor(p / (2 * 6)): torch's floor((o + 0.5) * 4 / 6)
    spec = Resize.of(i8(1, 4, 4, 2), scale_y=(12, 8), scale_x=(12, 8), offset=(4, 4), border=(8, 8))
    (x,) = values(np.random.default_rng(0), spec)
    np.testing.assert_array_equal(spec.reference(x), torch_nearest(x, (6, 6), "nearest-exact"))
