# SPDX-License-Identifier: Apache-2.0
"""clamp against torch's."""

import numpy as np
import pytest

from npuc.ops.clamp import Clamp
from ops.harness import i8, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    lo, hi = sorted(int(v) for v in rng.integers(-128, 128, 2))
    return Clamp.of(i8(*(upto(rng, 6) for _ in range(upto(rng, 4)))), lo=lo, hi=hi)


@pytest.mark.parametrize("seed", range(5))
def test_reference_equals_torch_clamp(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), torch.from_numpy(x).clamp(spec.lo, spec.hi).numpy())
