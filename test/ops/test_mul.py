# SPDX-License-Identifier: Apache-2.0
"""mul against torch's integer product and the rescale in Python's integers."""

import numpy as np
import pytest

from npuc.ops.mul import Mul
from ops.harness import int_rescale, random_rescale, values, zero_point
from ops.test_add import broadcast_types

torch = pytest.importorskip("torch")


def random_spec(rng):
    return Mul.of(*broadcast_types(rng), zp_a=zero_point(rng), zp_b=zero_point(rng), rescale=random_rescale(rng, 1, 0.02))


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch_product(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    a, b = values(rng, spec)
    product = (torch.from_numpy(a).long() - spec.zp_a) * (torch.from_numpy(b).long() - spec.zp_b)
    np.testing.assert_array_equal(spec.reference(a, b), int_rescale(product.numpy(), spec.rescale))
