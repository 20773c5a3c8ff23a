# SPDX-License-Identifier: Apache-2.0
"""minimum against torch."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.minimum import Minimum
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = [upto(rng, 5) for _ in range(upto(rng, 4))]
    dtype = pick(rng, "i8", "i16", "i32")
    types = []
    for _ in range(2):
        kept = [1 if rng.random() < 0.25 else extent for extent in shape]
        types.append(TensorType(tuple(kept[int(rng.integers(0, len(kept))) if rng.random() < 0.3 else 0 :]), dtype))
    return Minimum.of(*types)


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    a, b = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(a, b), torch.minimum(torch.from_numpy(a), torch.from_numpy(b)).numpy())
