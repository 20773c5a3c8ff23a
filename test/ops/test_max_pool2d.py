# SPDX-License-Identifier: Apache-2.0
"""max_pool2d against torch's, padding made of minus infinity."""

import numpy as np
import pytest

from npuc.ops.max_pool2d import MaxPool2d
from ops.harness import i8, upto, values
from ops.test_conv2d import window

torch = pytest.importorskip("torch")


def pool_window(rng):
    """Extent, kernel, stride, padding before and after of one dimension."""
    while True:
        extent, kernel, stride, dilation, before, after = window(rng, 4)
        if dilation == 1:
            return extent, kernel, stride, before, after


def random_spec(rng):
    (h, kh, sh, top, bottom), (w, kw, sw, left, right) = pool_window(rng), pool_window(rng)
    lo, hi = sorted(int(v) for v in rng.integers(-128, 128, 2)) if rng.random() < 0.3 else (-128, 127)
    return MaxPool2d.of(
        i8(upto(rng, 2), h, w, upto(rng, 8)), kernel=(kh, kw), strides=(sh, sw), pads=(top, bottom, left, right), lo=lo, hi=hi
    )


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch_max_pool(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    top, bottom, left, right = spec.pads
    image = torch.nn.functional.pad(torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2), (left, right, top, bottom), value=-np.inf)
    expected = torch.nn.functional.max_pool2d(image, spec.kernel, spec.strides).clamp(spec.lo, spec.hi).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(spec.reference(x), expected)
