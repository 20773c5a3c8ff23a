# SPDX-License-Identifier: Apache-2.0
"""slice against torch's narrow and index_select."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.slice import Slice
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    starts, sizes, strides, shape = [], [], [], []
    for _ in range(upto(rng, 4)):
        start, size, stride = upto(rng, 3, 0), upto(rng, 5), upto(rng, 3)
        starts.append(start)
        sizes.append(size)
        strides.append(stride)
        shape.append(start + (size - 1) * stride + 1 + upto(rng, 2, 0))
    tensor = TensorType(tuple(shape), pick(rng, "i8", "i8", "i32"))
    return Slice.of(tensor, starts=tuple(starts), sizes=tuple(sizes), strides=tuple(strides))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch_index_select(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    expected = torch.from_numpy(x)
    for i, (start, size, stride) in enumerate(zip(spec.starts, spec.sizes, spec.strides, strict=True)):
        expected = expected.index_select(i, torch.arange(size) * stride + start)
    np.testing.assert_array_equal(spec.reference(x), expected.numpy())


def test_a_value_without_dimensions_stays_one():
    y = Slice.of(TensorType((), "i8"), starts=(), sizes=(), strides=()).reference(np.array(7, np.int8))
    assert (y.shape, y.dtype, int(y)) == ((), np.int8, 7)
