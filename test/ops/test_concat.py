# SPDX-License-Identifier: Apache-2.0
"""concat against torch's cat."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.concat import Concat
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = [upto(rng, 5) for _ in range(upto(rng, 4))]
    axis, dtype = int(rng.integers(len(shape))), pick(rng, "i8", "i8", "i16")
    shapes = [(*shape[:axis], upto(rng, 5), *shape[axis + 1 :]) for _ in range(upto(rng, 4))]
    return Concat.of(*(TensorType(extents, dtype) for extents in shapes), axis=axis)


@pytest.mark.parametrize("seed", range(10))
def test_reference_equals_torch_cat(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    inputs = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(*inputs), torch.cat([torch.from_numpy(x) for x in inputs], spec.axis).numpy())


def test_a_tile_across_the_axis_is_refused():
    with pytest.raises(ValueError, match="concat is cut along its axis 0"):
        Concat.of(TensorType((2,), "i8"), TensorType((3,), "i8"), axis=0).tile(((0, 3),))
