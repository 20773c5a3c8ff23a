# SPDX-License-Identifier: Apache-2.0
"""Packed weights come back bit for bit, whatever they are, and damaged streams are refused by name."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuc import native
from npuc.errors import ProgramError
from npuc.numerics import weight_codec, weight_sections


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
    """2.6 million bits of entropy in 64 K weights of deviation 20; the stream is within a fortieth of it."""
    weights = weights_of("bell", (64, 1, 1, 1024), np.random.default_rng(0))
    counts = np.unique(weights, return_counts=True)[1] / weights.size
    entropy_bytes = -(counts * np.log2(counts)).sum() * weights.size / 8
    assert entropy_bytes < len(weight_codec.pack(weights, 0, False, 1)) < entropy_bytes * 1.025


def test_nine_zeros_in_ten_pack_to_less_than_a_quarter():
    weights = weights_of("sparse", (64, 3, 3, 64), np.random.default_rng(1))
    assert len(weight_codec.pack(weights, 0, False, 1)) < weights.size / 4


def test_packing_is_repeatable():
    weights = weights_of("bell", (16, 3, 3, 16), np.random.default_rng(2))
    assert weight_codec._pack.__wrapped__(weights.tobytes(), weights.shape, 0, False, 2, True) == weight_codec.pack(weights, 0, False, 2)


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


@pytest.mark.parametrize("shape", [(3, 9, 9, 40), (3, 11, 3, 8), (300, 1, 1, 8), (200, 3, 3, 16), (130, 1, 1, 1200)])
@pytest.mark.parametrize("cores", [1, 2])
def test_large_kernels_and_many_weights_come_back(shape, cores):
    """More than one piece of the kernel, block of channels, or palette."""
    weights = weights_of("bell", shape, np.random.default_rng(4))
    np.testing.assert_array_equal(weight_codec.unpack(weight_codec.pack(weights, 3, False, cores), shape, 3), weights)


@pytest.mark.skipif(native.module() is None, reason="npuc._native is not built")
@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["bell", "narrow", "flat", "heavy tail", "few", "mixed"]), count=st.integers(1, 6000),
    binary_bits=st.sampled_from([0, 5, 9]), seed=st.integers(0, 1 << 20),
)  # fmt: skip
def test_both_forms_of_the_greedy_pass_agree(kind, count, binary_bits, seed):
    rng = np.random.default_rng(seed)
    if kind == "mixed":
        values = np.abs(rng.normal(0, np.repeat(rng.choice([1, 4, 30, 150], count // 50 + 1), 50)[:count]))
    else:
        values = np.abs(weights_of(kind, (count,), rng).astype(int)) * rng.choice([1, 2])
    index = np.minimum(values, 511).astype(np.int32)
    assert weight_sections.choose_sections(index, binary_bits) == weight_sections.choose_sections_in_python(index, binary_bits)


@pytest.mark.skipif(native.module() is None, reason="npuc._native is not built")
@pytest.mark.parametrize("values, binary_bits", [([512], 0), ([-1], 0), ([0], 10)])
def test_the_native_pass_refuses_what_it_cannot_index(values, binary_bits):
    with pytest.raises(ValueError, match="wanted"):
        native.module().choose_sections(np.array(values, np.int32), binary_bits)


OLD = (
    ("bell", (5, 2, 3, 9),
        "c-muRWB`K+Oc0uZg@J(^C{_mKGcqbLL8TdZ8T1&K7&sVY859@{88{iZ7`Peu83Y-W8FU!z7?>GY8Q2(j82A`O8I%}Q8PpiG7)%(f8AKSw7{nRm7&"
        "Jg;vPJ{V{C?r%e7X7M6~_12D)0U=TfTYU+#R-k#>Z@qEAQO#@p<A0zH<k+@Fh>&`aLbr@WY>~2<toVm@l4Rc+cY5k)y{F&zPl4etY=&-t#%^EjP|"
        "dIHWq{yzXZSK4v&8VrA*cI}_4b9KXzQn;%wx-|=jL!}pZWC5iEJMK+svPL=!>q*}qSC2q++du#PC51pj>8_qHRYP&trW0vv3?y%J|*AzLn1xv|y+"
        "RT0xXWhMIPSMQ;E&V6U+TNspTk>l1%+|`{9g7~6O#d+Zt?Q}gL%tIj3%w?U@EE<Bn5pdZC!k+q_PSl18#G^h2wKA+=XCh&@0I5T+$M%>7Xb&K{T~"
        "p?{Qm$3=l=%~DgPe|{=IvL6~pBjumL6x5XlHM^FPGAVFLiL_PFo"),
    ("sparse", (6, 3, 3, 8),
        "c-muRVgLgNMhIqLW?+y8Qn^6P$Slsw$iNDgmuFCBFk!G`;AP-r;AaqKkYtc$P-D<xFl4Y`uw<}eaAxplh-FA;$Y!W!XabqQsRh&}<!1LZw#TdaQ1"
        "#}Hyr-&+pMKQIAAkJyZ_WSz|No`O%gtG;IPr=clLEu=0l@H+0#XIw@RMMMg&!X<q?j4l7&sZYfMLkbAOs9Q1qLMs6<{c8GUzcF0YlM)!JEN{A&4P"
        "^AroW<I0Sva?bupuW?*l^IK_9bV)gp-59;EbzyGNHw;vdSN^CAIlc%XP-tHSV!3O}W1~x?"),
)  # fmt: skip


@pytest.mark.parametrize("kind, shape, text", OLD)
def test_streams_of_older_files_are_read(kind, shape, text):
    """As npuc wrote them in files of format 1.2 to 1.4."""
    packed = zlib.decompress(base64.b85decode(text))
    np.testing.assert_array_equal(weight_codec.unpack(packed, shape, 0), weights_of(kind, shape, np.random.default_rng(3)))


@settings(max_examples=100, deadline=None)
@given(
    old=st.sampled_from(OLD), cut=st.integers(0, 400),
    changes=st.lists(st.tuples(st.integers(0, 655), st.integers(0, 255)), max_size=4),
)  # fmt: skip
def test_damage_of_older_streams_is_refused_or_harmless(old, cut, changes):
    _, shape, text = old
    packed = bytearray(zlib.decompress(base64.b85decode(text)))
    for position, value in changes:
        packed[position] = value
    try:
        assert weight_codec.unpack(bytes(packed[: len(packed) - cut]), shape, 0).shape == shape
    except ProgramError as error:
        assert "packed weights" in str(error)


@pytest.mark.parametrize(
    "shape, depthwise, order", [((8, 3, 3, 3), False, 1), ((8, 1, 1, 64), False, 0), ((8, 3, 3, 1), True, 2), ((8, 3, 3, 16), False, 1)]
)
def test_the_order_is_the_one_that_wastes_less(shape, depthwise, order):
    assert weight_codec.order_of(shape, depthwise) == order
