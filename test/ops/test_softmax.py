# SPDX-License-Identifier: Apache-2.0
"""softmax within one step of torch's on real values; its sums to the bit by the rules of its commands (test_all_ops.py)."""

import numpy as np
import pytest

from npuc.ops.softmax import Softmax
from npuc.targets import get
from ops.harness import i8, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    return Softmax.of(i8(*(upto(rng, 5) for _ in range(upto(rng, 3, 0))), upto(rng, 40)), scale=float(rng.uniform(0.005, 1.0)))


@pytest.mark.parametrize("seed", range(20))
def test_reference_is_within_one_step_of_torch_softmax(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    real = torch.softmax(torch.from_numpy(x.astype(np.float64)) * spec.scale, -1).numpy() * 256 - 128
    assert np.abs(spec.reference(x) - np.minimum(real, 127)).max() <= 1.0


def test_equal_inputs_share_one():
    spec = Softmax.of(i8(4), scale=0.1)
    assert spec.reference(np.full(4, 9, np.int8)).tolist() == [-64] * 4


def test_a_row_too_wide_for_the_sum_is_refused():
    assert not list(Softmax.of(i8(4095), scale=0.1).limits(get("edge-256")))
    assert [refusal.found for refusal in Softmax.of(i8(4096), scale=0.1).limits(get("edge-256"))] == ["4096"]
