# SPDX-License-Identifier: Apache-2.0
"""integer_unary in Python's own integers and by torch."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.integer_unary import KINDS, IntegerUnary
from ops.harness import pick, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    kind = pick(rng, *KINDS)
    return IntegerUnary.of(TensorType(tuple(upto(rng, 5) for _ in range(upto(rng, 4))), pick(rng, *KINDS[kind])), kind=kind)


def test_abs_and_negate_saturate():
    x = np.array([-128, -127, 0, 5, 127], np.int8)
    spec = IntegerUnary.of(TensorType((5,), "i8"), kind="abs")
    assert spec.reference(x).tolist() == [127, 127, 0, 5, 127]
    spec = IntegerUnary.of(TensorType((5,), "i8"), kind="negate")
    assert spec.reference(x).tolist() == [127, 127, 0, -5, -127]


@pytest.mark.parametrize("dtype", ["i8", "i16", "i32"])
def test_bits_are_turned_as_torch_does(dtype):
    spec = IntegerUnary.of(TensorType((100,), dtype), kind="bitwise_not")
    (x,) = values(np.random.default_rng(0), spec)
    np.testing.assert_array_equal(spec.reference(x), torch.bitwise_not(torch.from_numpy(x)).numpy())


def test_leading_zeros_are_those_of_the_bit_string():
    x = np.array([0, 1, -1, 2, 255, 256, 2**30, 2**31 - 1, -(2**31), 2**24 + 1, 2**25 - 1], np.int32)
    spec = IntegerUnary.of(TensorType(x.shape, "i32"), kind="clz")
    assert spec.reference(x).tolist() == [len(f"{v & 0xFFFFFFFF:032b}") - len(f"{v & 0xFFFFFFFF:032b}".lstrip("0")) for v in x.tolist()]


def test_logic_is_for_booleans():
    assert IntegerUnary.of(TensorType((2,), "i1"), kind="logical_not").reference(np.array([True, False])).tolist() == [False, True]
    with pytest.raises(ValueError, match="operand 'input' has element type i8, wanted i1"):
        IntegerUnary.of(TensorType((2,), "i8"), kind="logical_not")
