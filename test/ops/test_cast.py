# SPDX-License-Identifier: Apache-2.0
"""cast against torch's conversions, which wrap as C does."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.cast import Cast
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")
DTYPES = {"i1": torch.bool, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64}


def random_spec(rng):
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4, 0)))
    return Cast.of(TensorType(shape, pick(rng, *DTYPES)), output=TensorType((), pick(rng, *DTYPES)))


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), torch.from_numpy(np.asarray(x)).to(DTYPES[spec.output.dtype]).numpy())


def test_a_narrower_type_keeps_the_low_bits():
    x = np.array([128, -129, 65536 + 7], np.int32)
    assert Cast.of(TensorType((3,), "i32"), output=TensorType((), "i8")).reference(x).tolist() == [-128, 127, 7]
