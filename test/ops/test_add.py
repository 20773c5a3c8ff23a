# SPDX-License-Identifier: Apache-2.0
"""add against torch's real arithmetic on dequantized values, and against the formula in Python's integers."""

from dataclasses import replace

import numpy as np
import pytest

from npuc.numerics.rescale import Rescale
from npuc.ops._sum import sum_scales
from npuc.ops.add import Add
from ops.harness import i8, int_rescale, random_rescale, upto, values, zero_point

torch = pytest.importorskip("torch")


def broadcast_types(rng):
    """Two i8 types that broadcast."""
    shape = [upto(rng, 5) for _ in range(upto(rng, 4))]
    types = []
    for _ in range(2):
        kept = [1 if rng.random() < 0.25 else extent for extent in shape]
        types.append(i8(*kept[int(rng.integers(0, len(kept))) if rng.random() < 0.3 else 0 :]))
    return types


def random_spec(rng):
    scale_a, scale_b, scale_out = rng.uniform(0.01, 1, 3)
    first, second, out = sum_scales(scale_a, scale_b, scale_out)
    rescale = replace(random_rescale(rng), multiplier=out[:1], shift=out[1:])
    return Add.of(*broadcast_types(rng), zp_a=zero_point(rng), zp_b=zero_point(rng), scale_a=first, scale_b=second, rescale=rescale)


@pytest.mark.parametrize("seed", range(30))
def test_reference_is_within_one_step_of_the_real_result(seed):
    rng = np.random.default_rng(seed)
    scale_a, scale_b, scale_out = rng.uniform(0.01, 1, 3)
    first, second, out = sum_scales(scale_a, scale_b, scale_out)
    zp_a, zp_b, zp_out = (zero_point(rng) for _ in range(3))
    spec = Add.of(i8(1000), i8(1000), zp_a=zp_a, zp_b=zp_b, scale_a=first, scale_b=second, rescale=Rescale(out[:1], out[1:], zp_out))
    a, b = (torch.from_numpy(array.astype(np.float64)) for array in values(rng, spec))
    real = ((a - zp_a) * scale_a + (b - zp_b) * scale_b) / scale_out + zp_out
    found = spec.reference(a.numpy().astype(np.int8), b.numpy().astype(np.int8))
    assert np.abs(found - real.clamp(-128, 127).numpy()).max() <= 0.501


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_the_formula_in_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    a, b = values(rng, spec)
    wide = {"lo": -(1 << 40), "hi": 1 << 40, "zp_out": 0}
    left, right = (
        int_rescale(x.astype(np.int64) - zp, replace(spec.rescale, multiplier=scale[:1], shift=scale[1:], **wide))
        for x, zp, scale in ((a, spec.zp_a, spec.scale_a), (b, spec.zp_b, spec.scale_b))
    )
    np.testing.assert_array_equal(spec.reference(a, b), int_rescale(left + right, spec.rescale))
