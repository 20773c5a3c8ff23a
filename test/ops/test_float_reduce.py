# SPDX-License-Identifier: Apache-2.0
"""float_reduce against torch's reductions in f64."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.float_reduce import FloatReduce
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def f32(*shape):
    return TensorType(shape, "f32")


KINDS = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax, "min": torch.amin}


def random_spec(rng):
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4)))
    axes = tuple(i for i in range(len(shape)) if rng.integers(2)) or (0,)
    return FloatReduce.of(f32(*shape), kind=pick(rng, *KINDS), axes=axes)


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    expected = KINDS[spec.kind](torch.from_numpy(x).double(), dim=spec.axes, keepdim=True).float()
    np.testing.assert_allclose(spec.reference(x), expected.numpy(), rtol=1e-6, atol=1e-6)


def test_a_product():
    assert FloatReduce.of(f32(3), kind="prod", axes=(0,)).reference(np.array([2, 3, -4], np.float32)).tolist() == [-24.0]
