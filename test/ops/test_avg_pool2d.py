# SPDX-License-Identifier: Apache-2.0
"""avg_pool2d: sums and divisors against torch's, the rescale in Python's integers."""

from dataclasses import replace

import numpy as np
import pytest

from npuc.ops.avg_pool2d import AvgPool2d, average_rescale
from npuc.targets import get
from ops.harness import i8, int_rescale, upto, values, zero_point
from ops.test_max_pool2d import pool_window

torch = pytest.importorskip("torch")


def random_spec(rng):
    (h, kh, sh, top, bottom), (w, kw, sw, left, right) = pool_window(rng), pool_window(rng)
    include = bool(rng.random() < 0.4)
    by_count = not include and (any((top, bottom, left, right)) or rng.random() < 0.3)
    rescale = average_rescale(rng.uniform(0.3, 3), (kh, kw), by_count, zero_point(rng))
    return AvgPool2d.of(
        i8(upto(rng, 2), h, w, upto(rng, 8)), kernel=(kh, kw), strides=(sh, sw), pads=(top, bottom, left, right),
        count_include_pad=include, zp_x=zero_point(rng), rescale=replace(rescale, double_round=bool(rng.random() < 0.5)),
    )  # fmt: skip


def torch_sums(image, spec):
    top, bottom, left, right = spec.pads
    padded = torch.nn.functional.pad(torch.from_numpy(image.astype(np.float64)).permute(0, 3, 1, 2), (left, right, top, bottom))
    sums = torch.nn.functional.avg_pool2d(padded, spec.kernel, spec.strides, divisor_override=1)
    return sums.permute(0, 2, 3, 1).numpy().astype(np.int64)


@pytest.mark.parametrize("seed", range(40))
def test_reference_equals_torch_sums_rescaled_by_the_record_of_their_divisor(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    total = torch_sums(x.astype(np.int64) - spec.zp_x, spec)
    divisor = torch_sums(np.ones_like(x), spec)
    expected = np.empty_like(total)
    for count in np.unique(divisor):
        record = spec.rescale.channels(int(count) - 1, 1)
        expected[divisor == count] = int_rescale(total[divisor == count], record)
    np.testing.assert_array_equal(spec.reference(x), expected)


@pytest.mark.parametrize("include", [False, True])
def test_reference_rounds_torch_average_of_real_values(include):
    rng = np.random.default_rng(7)
    x = rng.integers(-128, 128, (1, 6, 6, 3)).astype(np.int8)
    rescale = average_rescale(1.0, (3, 3), not include)
    spec = AvgPool2d.of(i8(1, 6, 6, 3), kernel=(3, 3), pads=(1, 1, 1, 1), count_include_pad=include, rescale=rescale)
    image = torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2)
    real = torch.nn.functional.avg_pool2d(image, 3, 1, 1, count_include_pad=include).permute(0, 2, 3, 1).numpy()
    assert np.abs(spec.reference(x) - real).max() <= 0.5


def test_a_padded_average_without_padding_in_the_divisor_needs_a_record_for_each_divisor():
    one = average_rescale(1.0, (2, 2), False)
    problems = list(AvgPool2d((i8(1, 3, 3, 1),), i8(1, 4, 4, 1), kernel=(2, 2), pads=(1, 1, 1, 1), rescale=one).problems())
    assert problems == ["rescale has 1 multipliers, wanted 4"]


def test_a_window_too_large_for_the_accumulator_is_refused():
    spec = AvgPool2d.of(i8(1, 4000, 4000, 1), kernel=(4000, 4000), zp_x=-128, rescale=average_rescale(1.0, (4000, 4000), False))
    assert [refusal.found for refusal in spec.limits(get("edge-256"))] == [str(4000 * 4000 * 255)]
