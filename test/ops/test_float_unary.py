# SPDX-License-Identifier: Apache-2.0
"""float_unary against torch's functions, within the rounding of f32."""

import numpy as np
import pytest

from npuc.numerics.functions import FUNCTIONS
from npuc.ops.base import TensorType
from npuc.ops.float_unary import FloatUnary
from ops.harness import pick, upto

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# kind -> (arguments, torch's function) where name or arguments differ
TORCH = {
    "add_scalar": ((1.5, 2.0), lambda x: torch.add(x, 1.5, alpha=2)), "sub_scalar": ((1.5, 2.0), lambda x: torch.sub(x, 1.5, alpha=2)),
    "rsub_scalar": ((1.5, 2.0), lambda x: torch.rsub(x, 1.5, alpha=2)), "mul_scalar": ((0.3,), lambda x: x * 0.3),
    "div_scalar": ((0.3,), lambda x: x / 0.3), "pow_scalar": ((3.0,), lambda x: x**3), "clamp": ((-1.0, 2.0), lambda x: x.clamp(-1, 2)),
    "celu": ((0.7,), lambda x: functional.celu(x, 0.7)), "elu": ((0.7, 1.0, 1.0), lambda x: functional.elu(x, 0.7)),
    "gelu": ((), functional.gelu), "gelu_tanh": ((), lambda x: functional.gelu(x, approximate="tanh")),
    "hardshrink": ((0.4,), lambda x: functional.hardshrink(x, 0.4)), "softshrink": ((0.4,), lambda x: functional.softshrink(x, 0.4)),
    "hardsigmoid": ((), functional.hardsigmoid), "hardswish": ((), functional.hardswish), "relu6": ((), functional.relu6),
    "leaky_relu": ((0.1,), lambda x: functional.leaky_relu(x, 0.1)), "log_sigmoid": ((), functional.logsigmoid),
    "mish": ((), functional.mish), "selu": ((), functional.selu), "silu": ((), functional.silu),
    "softplus": ((2.0, 8.0), lambda x: functional.softplus(x, 2, 8)),
}  # fmt: skip


def random_spec(rng):
    kind = pick(rng, "relu", "sigmoid", "tanh", "leaky_relu", "gelu", "silu", "clamp")
    arguments = tuple(float(v) for v in np.sort(rng.uniform(0.1, 1, len(FUNCTIONS[kind].params))))
    return FloatUnary.of(TensorType(tuple(upto(rng, 6) for _ in range(upto(rng, 4))), "f32"), kind=kind, arguments=arguments)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_reference_equals_torch(kind):
    x = np.linspace(0.01 if kind in ("log", "sqrt", "rsqrt", "reciprocal") else -9, 9, 1001, dtype=np.float32)
    arguments, function = TORCH.get(kind) or ((), getattr(torch, kind))
    found = FloatUnary.of(TensorType(x.shape, "f32"), kind=kind, arguments=arguments).reference(x)
    np.testing.assert_allclose(found, function(torch.from_numpy(x)).numpy(), rtol=2e-5, atol=2e-6)


def test_arguments_are_counted():
    with pytest.raises(ValueError, match="'leaky_relu' has 0 arguments, wanted 1: negative_slope"):
        FloatUnary.of(TensorType((1,), "f32"), kind="leaky_relu")
