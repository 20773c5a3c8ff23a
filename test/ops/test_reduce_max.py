# SPDX-License-Identifier: Apache-2.0
"""reduce_max against torch."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.reduce_max import ReduceMax
from npuc.targets import get
from ops.harness import i8, pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = [upto(rng, 6) for _ in range(upto(rng, 4))]
    first = 1 if len(shape) == 4 else 0
    axes = tuple(sorted(int(v) for v in rng.choice(np.arange(first, len(shape)), upto(rng, len(shape) - first), replace=False)))
    return ReduceMax.of(TensorType(tuple(shape), pick(rng, "i8", "i16")), axes=axes, keepdims=bool(rng.random() < 0.5))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), torch.amax(torch.from_numpy(x), spec.axes, keepdim=spec.keepdims).numpy())


def test_a_maximum_over_the_batch_of_four_dimensions_is_refused():
    spec = ReduceMax.of(i8(2, 1, 1, 3), axes=(0,))
    assert [refusal.wanted for refusal in spec.limits(get("edge-256"))] == ["axes within 1..3"]
