# SPDX-License-Identifier: Apache-2.0
"""float_softmax against torch's softmax, within the rounding of f32."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.float_softmax import FloatSoftmax
from ops.harness import upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = tuple(upto(rng, 6) for _ in range(upto(rng, 4)))
    return FloatSoftmax.of(TensorType(shape, "f32"), axis=int(rng.integers(len(shape))))


@pytest.mark.parametrize("seed", range(10))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    expected = torch.nn.functional.softmax(torch.from_numpy(x), spec.axis).numpy()
    np.testing.assert_allclose(spec.reference(x), expected, rtol=1e-5, atol=1e-6)


def test_large_values_do_not_overflow():
    spec = FloatSoftmax.of(TensorType((3,), "f32"), axis=0)
    assert np.isfinite(spec.reference(np.float32([1000, 1000, 990]))).all()
