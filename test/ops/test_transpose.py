# SPDX-License-Identifier: Apache-2.0
"""transpose against torch's permute."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.transpose import Transpose
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = tuple(upto(rng, 6) for _ in range(upto(rng, 4)))
    return Transpose.of(TensorType(shape, pick(rng, "i8", "i16", "i32")), perm=tuple(int(i) for i in rng.permutation(len(shape))))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch_permute(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), torch.from_numpy(x).permute(spec.perm).numpy())


def test_a_value_without_dimensions_stays_one():
    y = Transpose.of(TensorType((), "i8"), perm=()).reference(np.array(7, np.int8))
    assert (y.shape, y.dtype, int(y)) == ((), np.int8, 7)
