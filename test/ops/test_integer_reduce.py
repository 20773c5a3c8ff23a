# SPDX-License-Identifier: Apache-2.0
"""integer_reduce against torch's amax, amin, sum, all and any."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.integer_reduce import IntegerReduce
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")
TYPES = {"max": ("i8", "i16", "i32"), "min": ("i8", "i16", "i32"), "sum": ("i32",), "all": ("i1",), "any": ("i1",)}


def random_spec(rng):
    kind = pick(rng, *TYPES)
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4)))
    return IntegerReduce.of(TensorType(shape, pick(rng, *TYPES[kind])), kind=kind, axis=int(rng.integers(len(shape))))


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    functions = {"max": torch.amax, "min": torch.amin, "sum": torch.sum, "all": torch.all, "any": torch.any}
    found = functions[spec.kind](torch.from_numpy(x), dim=spec.axis, keepdim=True)
    np.testing.assert_array_equal(spec.reference(x), found.numpy())


def test_a_sum_wraps():
    x = np.array([2**31 - 1, 1], np.int32)
    assert IntegerReduce.of(TensorType((2,), "i32"), kind="sum", axis=0).reference(x).tolist() == [-(2**31)]
