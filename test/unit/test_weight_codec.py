# SPDX-License-Identifier: Apache-2.0
"""Packed weights come back bit for bit, whatever they are, and damaged streams are refused by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuc.errors import ProgramError
from npuc.numerics import weight_codec


def weights_of(kind, shape, rng):
    """Weights as they occur: bell-shaped, flat, sparse, few values, constant."""
    size = int(np.prod(shape))
    values = {
        "bell": lambda: rng.normal(0, 30, size),
        "narrow": lambda: rng.normal(0, 2, size),
        "flat": lambda: rng.integers(-128, 128, size),
        "sparse": lambda: rng.normal(0, 30, size) * (rng.random(size) < 0.1),
        "empty": lambda: np.zeros(size),
        "few": lambda: rng.choice([-100, -3, 0, 7, 127], size),
        "heavy tail": lambda: rng.standard_cauchy(size) * 2,
        "constant": lambda: np.full(size, -128),
    }[kind]()
    return np.clip(np.round(values), -128, 127).astype(np.int8).reshape(shape)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["bell", "narrow", "flat", "sparse", "empty", "few", "heavy tail", "constant"]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(1, 5), st.integers(1, 70)), depthwise=st.booleans(),
    zero_point=st.sampled_from([0, 0, -128, 127, 5]), cores=st.sampled_from([1, 2]), seed=st.integers(0, 1 << 20),
)  # fmt: skip
def test_unpacked_weights_are_the_packed_ones(kind, shape, depthwise, zero_point, cores, seed):
    shape = (*shape[:3], 1) if depthwise else shape
    weights = weights_of(kind, shape, np.random.default_rng(seed))
    packed = weight_codec.pack(weights, zero_point, depthwise, cores)
    assert len(packed) % 16 == 0
    np.testing.assert_array_equal(weight_codec.unpack(packed, shape, zero_point), weights)


def test_bell_shaped_weights_pack_near_their_entropy():
    """2.6 million bits of entropy in 64 K weights of deviation 20; the stream is within a thirtieth of it."""
    weights = weights_of("bell", (64, 1, 1, 1024), np.random.default_rng(0))
    counts = np.unique(weights, return_counts=True)[1] / weights.size
    entropy_bytes = -(counts * np.log2(counts)).sum() * weights.size / 8
    assert entropy_bytes < len(weight_codec.pack(weights, 0, False, 1)) < entropy_bytes * 1.034


def test_nine_zeros_in_ten_pack_to_less_than_a_quarter():
    weights = weights_of("sparse", (64, 3, 3, 64), np.random.default_rng(1))
    assert len(weight_codec.pack(weights, 0, False, 1)) < weights.size / 4


def test_packing_is_repeatable():
    weights = weights_of("bell", (16, 3, 3, 16), np.random.default_rng(2))
    assert weight_codec._pack.__wrapped__(weights.tobytes(), weights.shape, 0, False, 2) == weight_codec.pack(weights, 0, False, 2)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["bell", "sparse", "few"]), cut=st.integers(0, 400),
    changes=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), max_size=4),
)  # fmt: skip
def test_damage_is_refused_or_harmless(kind, cut, changes):
    """Any bytes either decode to weights of the wanted shape or are refused: nothing else is raised."""
    shape = (16, 3, 3, 8)
    packed = bytearray(weight_codec.pack(weights_of(kind, shape, np.random.default_rng(3)), 0, False, 1))
    for position, value in changes:
        packed[position % len(packed)] = value
    try:
        assert weight_codec.unpack(bytes(packed[: len(packed) - cut]), shape, 0).shape == shape
    except ProgramError as error:
        assert "packed weights" in str(error)


@pytest.mark.parametrize(
    "shape, depthwise, order", [((8, 3, 3, 3), False, 1), ((8, 1, 1, 64), False, 0), ((8, 3, 3, 1), True, 2), ((8, 3, 3, 16), False, 1)]
)
def test_the_order_is_the_one_that_wastes_less(shape, depthwise, order):
    assert weight_codec.order_of(shape, depthwise) == order
