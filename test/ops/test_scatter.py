# SPDX-License-Identifier: Apache-2.0
"""scatter against torch.Tensor.index_copy, one image after the other."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.scatter import Scatter
from ops import harness
from ops.harness import pick, upto

torch = pytest.importorskip("torch")


def random_spec(rng):
    n, k, c, dtype = upto(rng, 3), upto(rng, 6), upto(rng, 4), pick(rng, "i8", "i32")
    w = upto(rng, k)
    return Scatter.of(TensorType((n, k, c), dtype), TensorType((n, w), "i32"), TensorType((n, w, c), dtype))


def random_inputs(rng, spec):
    x, indices, updates = harness.values(rng, spec)
    return [x, np.stack([rng.permutation(x.shape[1])[: indices.shape[1]] for _ in x]).astype(np.int32), updates]


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    x, indices, updates = random_inputs(rng, spec)
    images = zip(*(map(torch.from_numpy, (x, indices.astype(np.int64), updates))), strict=True)
    wanted = torch.stack([image.index_copy(0, rows, values) for image, rows, values in images])
    np.testing.assert_array_equal(spec.reference(x, indices, updates), wanted.numpy())


def test_an_index_outside_is_an_error():
    spec = Scatter.of(TensorType((1, 3, 1), "i8"), TensorType((1, 1), "i32"), TensorType((1, 1, 1), "i8"))
    with pytest.raises(ValueError, match="an index is outside of 0..2"):
        spec.reference(np.zeros((1, 3, 1), np.int8), np.array([[-1]], np.int32), np.zeros((1, 1, 1), np.int8))
