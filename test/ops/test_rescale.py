# SPDX-License-Identifier: Apache-2.0
"""rescale against the formula in Python's integers, and against rounding the real product."""

from dataclasses import replace

import numpy as np
import pytest

from npuc.numerics.rescale import Rescale as Scale
from npuc.ops._checks import RANGES
from npuc.ops.base import TensorType
from npuc.ops.rescale import Rescale
from npuc.targets import get
from ops.harness import int_rescale, pick, random_rescale, upto, values


def random_spec(rng):
    source, result = pick(rng, "i8", "i16", "i32"), pick(rng, "i8", "i16", "i32")
    scale = random_rescale(rng, 1, {"i8": 2.0, "i16": 0.01, "i32": 0.03}[source])
    if result == "i32":
        scale = replace(scale, zp_out=0, lo=RANGES["i32"][0], hi=RANGES["i32"][1])
    return Rescale.of(
        TensorType(tuple(upto(rng, 6) for _ in range(upto(rng, 4))), source), output=TensorType((), result),
        zp_x=upto(rng, 127, -128), rescale=scale,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_reference_equals_the_formula_in_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), int_rescale(x.astype(np.int64) - spec.zp_x, spec.rescale))


def test_single_rounding_is_the_nearest_whole_number():
    scale = Scale.from_scales([0.0123], 5)
    spec = Rescale.of(TensorType((20001,), "i32"), output=TensorType((), "i8"), zp_x=0, rescale=scale)
    x = np.arange(-10000, 10001, dtype=np.int32)
    expected = np.clip(np.rint(x * 0.0123) + 5, -128, 127)
    np.testing.assert_array_equal(spec.reference(x), expected)


def test_an_unsigned_model_is_moved_by_its_zero_point():
    unit = replace(Scale((1 << 30,), (30,)), zp_out=0)
    spec = Rescale.of(TensorType((256,), "ui8"), output=TensorType((), "i8"), zp_x=128, rescale=unit)
    np.testing.assert_array_equal(spec.reference(np.arange(256, dtype=np.uint8)), np.arange(-128, 128))


def test_an_i32_result_with_bounds_is_left_to_the_host():
    spec = Rescale.of(TensorType((4,), "i8"), output=TensorType((), "i32"), rescale=Scale((1 << 30,), (30,), 0, 0, 255))
    (refusal,) = spec.limits(get("edge-256"))
    assert refusal.found == "0..255, zero point 0"
