# SPDX-License-Identifier: Apache-2.0
"""float_matmul against torch's product in f64."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.float_matmul import FloatMatmul
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def f32(*shape):
    return TensorType(shape, "f32")


def random_spec(rng):
    outer = tuple(upto(rng, 3) for _ in range(int(rng.integers(3))))
    rows, depth, columns = (upto(rng, 6) for _ in range(3))
    transpose_b = pick(rng, False, True)
    b = (columns, depth) if transpose_b else (depth, columns)
    return FloatMatmul.of(f32(*outer, rows, depth), f32(*outer, *b), transpose_b=transpose_b)


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    a, b = values(rng, spec)
    right = torch.from_numpy(b).double()
    expected = torch.from_numpy(a).double() @ (right.transpose(-1, -2) if spec.transpose_b else right)
    np.testing.assert_allclose(spec.reference(a, b), expected.float().numpy(), rtol=1e-6, atol=1e-6)
