# SPDX-License-Identifier: Apache-2.0
"""gather against torch.index_select, one batch after the other."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.gather import Gather
from ops import harness
from ops.harness import pick, upto

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = tuple(upto(rng, 4) for _ in range(upto(rng, 4)))
    axis = int(rng.integers(len(shape)))
    batch = upto(rng, axis, 0)
    more = tuple(upto(rng, 4) for _ in range(upto(rng, 2, 0)))
    return Gather.of(TensorType(shape, pick(rng, "i8", "i32", "f32")), TensorType((*shape[:batch], *more), "i32"), axis=axis, batch_dims=batch)


def random_inputs(rng, spec):
    x, indices = harness.values(rng, spec)
    return [x, rng.integers(0, x.shape[spec.axis], indices.shape).astype(np.int32)]


@pytest.mark.parametrize("seed", range(40))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    x, indices = random_inputs(rng, spec)
    wanted = np.empty(spec.output.shape, x.dtype)
    for batch in np.ndindex(*x.shape[: spec.batch_dims]):
        numbers = torch.from_numpy(np.asarray(indices[batch]).astype(np.int64).reshape(-1))
        taken = torch.index_select(torch.from_numpy(np.asarray(x[batch])), spec.axis - spec.batch_dims, numbers).numpy()
        wanted[batch] = taken.reshape(wanted[batch].shape)
    np.testing.assert_array_equal(spec.reference(x, indices), wanted)


def test_an_index_outside_is_an_error():
    spec = Gather.of(TensorType((3,), "i8"), TensorType((1,), "i32"))
    with pytest.raises(ValueError, match="an index is outside of 0..2"):
        spec.reference(np.zeros(3, np.int8), np.array([3], np.int32))
