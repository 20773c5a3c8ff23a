# SPDX-License-Identifier: Apache-2.0
"""reverse against torch.flip."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.reverse import Reverse
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4)))
    return Reverse.of(TensorType(shape, pick(rng, "i8", "i32", "i1", "f32")), axis=int(rng.integers(len(shape))))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), torch.flip(torch.from_numpy(x), (spec.axis,)).numpy())
