# SPDX-License-Identifier: Apache-2.0
"""rescale_channels against the formula in Python's integers."""

from dataclasses import replace

import numpy as np
import pytest

from npuc.ops._checks import RANGES
from npuc.ops.base import TensorType
from npuc.ops.rescale_channels import RescaleChannels
from ops.harness import int_rescale, pick, random_rescale, upto, values


def random_spec(rng):
    source, result = pick(rng, "i8", "i16", "i32", "i64"), pick(rng, "i8", "i16", "i32")
    shape = tuple(upto(rng, 5) for _ in range(upto(rng, 4)))
    scale = random_rescale(rng, shape[-1], {"i8": 2.0, "i16": 0.01, "i32": 0.03, "i64": 0.5}[source])
    if result == "i32":
        scale = replace(scale, lo=RANGES["i32"][0], hi=RANGES["i32"][1])
    return RescaleChannels.of(
        TensorType(shape, source), output=TensorType((), result), zp_x=0 if source == "i64" else upto(rng, 127, -128), rescale=scale
    )


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_the_formula_in_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), int_rescale(x.astype(np.int64) - spec.zp_x, spec.rescale))
