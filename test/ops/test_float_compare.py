# SPDX-License-Identifier: Apache-2.0
"""float_compare against torch's comparisons; NaN by the parameter."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.float_compare import FloatCompare
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def f32(*shape):
    return TensorType(shape, "f32")


KINDS = {"equal": "eq", "not_equal": "ne", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le"}


def random_spec(rng):
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4)))
    other = tuple(pick(rng, 1, extent) for extent in shape)
    return FloatCompare.of(f32(*shape), f32(*other), kind=pick(rng, *KINDS), unordered=bool(rng.integers(2)))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    a, b = (np.round(array) for array in values(rng, spec))
    expected = getattr(torch, KINDS[spec.kind])(torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_array_equal(spec.reference(a, b), expected.numpy())


@pytest.mark.parametrize("unordered", [False, True])
def test_nan_is_neither_greater_nor_less(unordered):
    nan = np.array([np.nan], np.float32)
    assert FloatCompare.of(f32(1), f32(1), kind="less", unordered=unordered).reference(nan, np.ones(1, np.float32)).tolist() == [unordered]
