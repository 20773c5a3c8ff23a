# SPDX-License-Identifier: Apache-2.0
"""pad against torch's constant padding."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.pad import Pad
from npuc.targets import get
from ops.harness import i8, upto, values, zero_point

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = [upto(rng, 5) for _ in range(upto(rng, 4))]
    pads = tuple(upto(rng, 3, 0) if rng.random() < 0.5 else 0 for _ in range(2 * len(shape)))
    return Pad.of(i8(*shape), pads=pads, value=zero_point(rng))


@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_torch_pad(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    # torch wants the last dimension's pads first
    order = [width for i in reversed(range(x.ndim)) for width in spec.pads[2 * i : 2 * i + 2]]
    np.testing.assert_array_equal(spec.reference(x), torch.nn.functional.pad(torch.from_numpy(x), order, value=spec.value).numpy())


def test_a_tile_of_padded_rows_reads_what_it_needs_and_none_of_nothing():
    spec = Pad.of(i8(1, 4, 4, 1), pads=(0, 0, 2, 1, 0, 0, 0, 0))
    tile = spec.tile(((0, 1), (1, 3), (0, 4), (0, 1)))
    assert (tile.regions[0][1], tile.spec.pads[2:4]) == ((0, 2), (1, 0))
    with pytest.raises(ValueError, match="holds nothing of the input along dimension 1"):
        spec.tile(((0, 1), (0, 2), (0, 4), (0, 1)))


def test_channels_of_i32_cannot_be_padded():
    spec = Pad.of(TensorType((1, 1, 1, 4), "i32"), pads=(0, 0, 0, 0, 0, 0, 0, 1))
    assert [refusal.found for refusal in spec.limits(get("edge-256"))] == ["i32"]


def test_a_value_without_dimensions_stays_one():
    y = Pad.of(i8(), pads=(), value=3).reference(np.array(7, np.int8))
    assert (y.shape, y.dtype, int(y)) == ((), np.int8, 7)
