# SPDX-License-Identifier: Apache-2.0
"""float_unary against torch's functions, within the rounding of f32."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.float_unary import FUNCTIONS, FloatUnary
from ops.harness import pick, upto

torch = pytest.importorskip("torch")

TORCH = {
    "gelu": torch.nn.functional.gelu, "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "hard_sigmoid": torch.nn.functional.hardsigmoid, "hard_swish": torch.nn.functional.hardswish, "relu6": torch.nn.functional.relu6,
    "silu": torch.nn.functional.silu, "softplus": torch.nn.functional.softplus,
}  # fmt: skip


def random_spec(rng):
    # domains differ: these take every real number
    kind = pick(rng, "relu", "sigmoid", "tanh", "exp", "gelu", "silu", "hard_swish")
    return FloatUnary.of(TensorType(tuple(upto(rng, 6) for _ in range(upto(rng, 4))), "f32"), kind=kind)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_reference_equals_torch(kind):
    x = np.linspace(0.01 if kind in ("log", "sqrt", "rsqrt", "reciprocal") else -9, 9, 1001, dtype=np.float32)
    function = TORCH.get(kind) or getattr(torch, kind)
    found = FloatUnary.of(TensorType(x.shape, "f32"), kind=kind).reference(x)
    np.testing.assert_allclose(found, function(torch.from_numpy(x)).numpy(), rtol=2e-5, atol=1e-6)
