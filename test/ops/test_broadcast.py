# SPDX-License-Identifier: Apache-2.0
"""broadcast against torch's expand."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.broadcast import Broadcast
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def f32(*shape):
    return TensorType(shape, "f32")


def random_spec(rng):
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4)))
    other = tuple(pick(rng, 1, extent) for extent in shape)
    dtype = pick(rng, "i8", "i16", "i32", "f32")
    return Broadcast.of(TensorType(other, dtype), output=TensorType(shape, dtype))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), torch.from_numpy(x).expand(spec.output.shape).numpy())


def test_what_is_longer_than_1_is_not_repeated():
    with pytest.raises(ValueError, match="wanted the rank of 2xf32"):
        Broadcast.of(f32(2), output=f32(4))
