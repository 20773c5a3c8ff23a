# SPDX-License-Identifier: Apache-2.0
"""fully_connected against torch's linear in float64, exact on these integers."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.fully_connected import FullyConnected
from ops.harness import i8, int_rescale, pick, random_rescale, upto, values, zero_point

torch = pytest.importorskip("torch")


def random_spec(rng):
    depth, channels = upto(rng, 20), upto(rng, 12)
    return FullyConnected.of(
        i8(upto(rng, 4), depth), i8(channels, depth), TensorType((channels,), "i32"), zp_x=zero_point(rng),
        zp_w=pick(rng, 0, zero_point(rng)), rescale=random_rescale(rng, pick(rng, 1, channels), 1 / (40 * depth)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch_linear(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    x, weights, bias = values(rng, spec)
    tensors = (torch.from_numpy(array.astype(np.float64) - zp) for array, zp in ((x, spec.zp_x), (weights, spec.zp_w), (bias, 0)))
    acc = torch.nn.functional.linear(*tensors).numpy().astype(np.int64)
    np.testing.assert_array_equal(spec.reference(x, weights, bias), int_rescale(acc, spec.rescale))
