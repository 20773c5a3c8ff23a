# SPDX-License-Identifier: Apache-2.0
"""table against torch's gather; tables made from functions against torch's functions in float64."""

import numpy as np
import pytest

from npuc.numerics.functions import FUNCTIONS
from npuc.ops.table import Table, table_of
from ops.harness import i8, upto, values

torch = pytest.importorskip("torch")


def random_spec(rng):
    return Table.of(i8(*(upto(rng, 6) for _ in range(upto(rng, 4)))), i8(256))


def test_reference_equals_torch_take():
    rng = np.random.default_rng(0)
    spec = random_spec(rng)
    x, entries = values(rng, spec)
    expected = torch.take(torch.from_numpy(entries), torch.from_numpy(x).long() + 128)
    np.testing.assert_array_equal(spec.reference(x, entries), expected.numpy())


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("gelu", torch.nn.functional.gelu), ("silu", torch.nn.functional.silu),
        ("hardswish", torch.nn.functional.hardswish), ("exp", torch.exp), ("abs", torch.abs),
    ],
)  # fmt: skip
def test_a_table_holds_the_rounded_function(kind, function):
    scale_in, zp_in, scale_out, zp_out = 0.05, 3, 0.02, -7
    codes = torch.arange(-128, 128, dtype=torch.float64)
    expected = (function((codes - zp_in) * scale_in) / scale_out).round().add(zp_out).clamp(-128, 127)
    np.testing.assert_array_equal(table_of(FUNCTIONS[kind].apply, scale_in, zp_in, scale_out, zp_out), expected.numpy())
