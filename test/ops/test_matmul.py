# SPDX-License-Identifier: Apache-2.0
"""matmul against torch's product in float64, exact on these integers."""

import numpy as np
import pytest

from npuc.ops.matmul import Matmul
from npuc.targets import get
from ops.harness import i8, int_rescale, pick, random_rescale, raw_or_i8, upto, values, zero_point

torch = pytest.importorskip("torch")


def random_spec(rng):
    rows, depth, columns = upto(rng, 9), upto(rng, 12), upto(rng, 9)
    batch = [upto(rng, 3) for _ in range(upto(rng, 2, 0))]
    left, right = ([1 if rng.random() < 0.2 else extent for extent in batch] for _ in range(2))
    flip_a, flip_b = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
    a = i8(*left, *((depth, rows) if flip_a else (rows, depth)))
    b = i8(*right, *((columns, depth) if flip_b else (depth, columns)))
    return Matmul.of(
        a, b, output=raw_or_i8(rng), transpose_a=flip_a, transpose_b=flip_b, zp_a=zero_point(rng), zp_b=pick(rng, 0, zero_point(rng)),
        rescale=random_rescale(rng, 1, 1 / (40 * depth)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_torch_matmul(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    a, b = values(rng, spec)
    left, right = torch.from_numpy(a.astype(np.float64) - spec.zp_a), torch.from_numpy(b.astype(np.float64) - spec.zp_b)
    acc = torch.matmul(left.mT if spec.transpose_a else left, right.mT if spec.transpose_b else right)
    acc = acc.numpy().astype(np.int64)
    np.testing.assert_array_equal(spec.reference(a, b), acc if spec.output.dtype == "i32" else int_rescale(acc, spec.rescale))


def test_a_product_too_deep_for_the_accumulator_is_refused():
    spec = Matmul.of(i8(1, 40000), i8(40000, 1), zp_a=-128, zp_b=127)
    (refusal,) = spec.limits(get("edge-256"))
    assert refusal.found == str(40000 * 255 * 255)
