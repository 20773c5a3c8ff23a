# SPDX-License-Identifier: Apache-2.0
"""sum against torch's integer sum and the rescale in Python's integers."""

import numpy as np
import pytest

from npuc.ops.sum import Sum
from ops.harness import i8, int_rescale, random_rescale, upto, values, zero_point

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = [upto(rng, 6) for _ in range(upto(rng, 4))]
    first = 1 if len(shape) == 4 else 0
    axes = tuple(sorted(int(v) for v in rng.choice(np.arange(first, len(shape)), upto(rng, len(shape) - first), replace=False)))
    count = int(np.prod([shape[axis] for axis in axes]))
    return Sum.of(
        i8(*shape), axes=axes, keepdims=bool(rng.random() < 0.5), zp_x=zero_point(rng), rescale=random_rescale(rng, 1, 1 / count)
    )


@pytest.mark.parametrize("seed", range(40))
def test_reference_equals_torch_sum(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    total = (torch.from_numpy(x).long() - spec.zp_x).sum(spec.axes, keepdim=spec.keepdims)
    np.testing.assert_array_equal(spec.reference(x), int_rescale(total.numpy(), spec.rescale))
