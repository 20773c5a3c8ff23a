# SPDX-License-Identifier: Apache-2.0
"""resize_float: what a test of all ops needs, and its difference from the integer rule. LiteRT judges it in test_frontend_tflite.py."""

import numpy as np

from npuc.ops.resize_float import ResizeFloat
from ops.harness import i8, pick, upto


def random_spec(rng):
    aligned, centred = pick(rng, (False, False), (True, False), (False, True))
    image = i8(upto(rng, 2), upto(rng, 6), upto(rng, 6), upto(rng, 4))
    return ResizeFloat.of(image, size=(upto(rng, 12), upto(rng, 12)), align_corners=aligned, half_pixel_centers=centred)


def test_a_half_between_two_codes_goes_up():
    spec = ResizeFloat.of(i8(1, 1, 2, 1), size=(1, 3), align_corners=True)
    x = np.array([-3, -2], np.int8).reshape(1, 1, 2, 1)
    assert spec.reference(x).ravel().tolist() == [-3, -2, -2]
