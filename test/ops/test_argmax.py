# SPDX-License-Identifier: Apache-2.0
"""argmax against torch's; of equals the first."""

import numpy as np
import pytest

from npuc.ops.argmax import Argmax
from npuc.ops.base import TensorType
from ops.harness import pick, upto

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = tuple(upto(rng, 6) for _ in range(upto(rng, 4)))
    return Argmax.of(
        TensorType(shape, pick(rng, "f32", "i8")), output=TensorType((), pick(rng, "i32", "i64")), axis=int(rng.integers(len(shape))),
        keepdims=bool(rng.random() < 0.5),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_reference_equals_torch_on_values_without_equals(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    x = rng.permutation(spec.inputs[0].elements).reshape(spec.inputs[0].shape).astype(np.float32)
    expected = torch.argmax(torch.from_numpy(x), spec.axis, spec.keepdims).numpy()
    np.testing.assert_array_equal(spec.reference(x), expected)


def test_the_first_of_equals_is_taken():
    spec = Argmax.of(TensorType((4,), "i8"), output=TensorType((), "i32"), axis=0)
    assert spec.reference(np.array([1, 7, 7, 7], np.int8)) == 1
