# SPDX-License-Identifier: Apache-2.0
"""reshape against torch's; on the machine it is a view."""

import numpy as np
import pytest

from npuc.isa.base import DType, Operand, Space
from npuc.ops.base import TensorType
from npuc.ops.reshape import Reshape
from npuc.targets import get
from ops.harness import i8, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    a, b, c = (upto(rng, 6) for _ in range(3))
    return Reshape.of(i8(a, b, c), output=i8(*((a * b, c), (a, b * c), (1, a * b * c), (c, 1, a, b))[int(rng.integers(4))]))


def test_reference_equals_torch_reshape():
    rng = np.random.default_rng(0)
    spec = random_spec(rng)
    (x,) = values(rng, spec)
    np.testing.assert_array_equal(spec.reference(x), torch.from_numpy(x).reshape(spec.output.shape).numpy())


def test_a_reshape_in_place_takes_no_command():
    spec = Reshape.of(i8(2, 3), output=i8(6))
    source, result = (Operand.dense(Space.SRAM, 64, tensor.nhwc, DType.I8) for tensor in (spec.inputs[0], spec.output))
    assert spec.emit((source,), result, Operand.absent(), Operand.absent(), get("edge-256")) == []


def test_elements_may_not_get_lost():
    with pytest.raises(ValueError, match="result 5xi8 has 5 elements, wanted the 6 of 2x3xi8"):
        Reshape.of(i8(2, 3), output=TensorType((5,), "i8"))
