# SPDX-License-Identifier: Apache-2.0
"""squared_difference against torch's real arithmetic on dequantized values. LiteRT judges the bits in test_frontend_tflite.py."""

import numpy as np
import pytest

from npuc.numerics.rescale import Rescale
from npuc.numerics.scales import quantize_scale
from npuc.ops.squared_difference import SquaredDifference
from ops.harness import i8, upto, values, zero_point
from ops.test_add import broadcast_types

torch = pytest.importorskip("torch")
BITS = 7


def scales(rng, scale_a, scale_b, scale_out):
    common = 2 * max(scale_a, scale_b)
    out = quantize_scale(common * common / ((1 << 2 * BITS) * scale_out))
    rescale = Rescale(out[:1], out[1:], zero_point(rng), double_round=bool(rng.random() < 0.5))
    return {"scale_a": quantize_scale(scale_a / common), "scale_b": quantize_scale(scale_b / common), "left_shift": BITS, "rescale": rescale}


def random_spec(rng):
    scale_a, scale_b = rng.uniform(0.01, 1, 2)
    fields = scales(rng, scale_a, scale_b, max(scale_a, scale_b) ** 2 * upto(rng, 900))
    return SquaredDifference.of(*broadcast_types(rng), zp_a=zero_point(rng), zp_b=zero_point(rng), **fields)


@pytest.mark.parametrize("seed", range(20))
def test_reference_is_near_the_real_result(seed):
    rng = np.random.default_rng(seed)
    scale_a, scale_b = rng.uniform(0.01, 1, 2)
    scale_out = max(scale_a, scale_b) ** 2 * upto(rng, 900, 100)
    spec = SquaredDifference.of(i8(1000), i8(1000), zp_a=zero_point(rng), zp_b=zero_point(rng), **scales(rng, scale_a, scale_b, scale_out))
    a, b = (torch.from_numpy(array.astype(np.float64)) for array in values(rng, spec))
    real = ((a - spec.zp_a) * scale_a - (b - spec.zp_b) * scale_b) ** 2 / scale_out + spec.rescale.zp_out
    found = spec.reference(a.numpy().astype(np.int8), b.numpy().astype(np.int8))
    # the difference is known to 1/64 of the greater step: twice the difference times that, in steps of the result
    assert np.abs(found - real.clamp(-128, 127).numpy()).max() <= 1 + 510 / 64 / 100
