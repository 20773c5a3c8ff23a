# SPDX-License-Identifier: Apache-2.0
"""float_binary against torch's functions, to the bit but for pow."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.float_binary import FloatBinary
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def f32(*shape):
    return TensorType(shape, "f32")


KINDS = ("add", "sub", "mul", "div", "pow", "maximum", "minimum")


def random_spec(rng):
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4)))
    other = tuple(pick(rng, 1, extent) for extent in shape)
    return FloatBinary.of(f32(*shape), f32(*other), kind=pick(rng, *KINDS))


@pytest.mark.parametrize("kind", KINDS)
def test_reference_equals_torch(kind):
    a = np.array([3, -2.5, 0, np.nan, np.inf, 7], np.float32).reshape(6, 1)
    b = np.array([2, -1.25, 0, np.nan, 0.1], np.float32)
    found = FloatBinary.of(f32(6, 1), f32(5), kind=kind).reference(a, b)
    expected = getattr(torch, kind)(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6 if kind == "pow" else 0)


def test_nothing_else_is_taken():
    with pytest.raises(ValueError, match="kind is 'mod'"):
        FloatBinary.of(f32(1), f32(1), kind="mod")
    assert len(values(np.random.default_rng(0), random_spec(np.random.default_rng(0)))) == 2
