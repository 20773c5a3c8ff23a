# SPDX-License-Identifier: Apache-2.0
"""select against torch.where."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.select import Select
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = [upto(rng, 4) for _ in range(upto(rng, 4))]
    condition, a, b = (tuple(1 if rng.random() < 0.2 else extent for extent in shape) for _ in range(3))
    dtype = pick(rng, "i8", "i32", "i1")
    return Select.of(TensorType(condition, "i1"), TensorType(a, dtype), TensorType(b, dtype))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    inputs = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(*inputs), torch.where(*map(torch.from_numpy, inputs)).numpy())
