# SPDX-License-Identifier: Apache-2.0
"""table against torch's gather; tables made from functions against torch's functions in float64."""

import numpy as np
import pytest

from npuc.isa.base import Operand, Space
from npuc.numerics import kernels
from npuc.numerics.functions import FUNCTIONS
from npuc.ops.base import TensorType
from npuc.ops.table import Table, table_of
from npuc.plan.commands import Location, view
from npuc.targets import get
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


def test_a_table_of_16_bits_equals_torch_take_and_every_lookup_is_a_word_of_sram():
    rng, target = np.random.default_rng(0), get("edge-256")
    kind = TensorType((1, 4, 4, 8), "i16")
    spec = Table.of(kind, TensorType((1 << 16,), "i16"))
    x, entries = values(rng, spec)
    expected = torch.take(torch.from_numpy(entries), torch.from_numpy(x).long() + (1 << 15)).numpy()
    np.testing.assert_array_equal(spec.reference(x, entries), expected)
    memory = {Space.SRAM: np.zeros(1 << 18, np.uint8)}
    source, output = (view(kind, Location(Space.SRAM, 1 << 17 | i << 10)) for i in range(2))
    params = Operand.dense(Space.SRAM, 0, (1, 1, 1, spec.param_bytes()))
    memory[Space.SRAM][: spec.param_bytes()] = np.frombuffer(spec.pack_params(entries), np.uint8)
    source.write(memory[Space.SRAM], x)
    (instruction,) = spec.emit((source,), output, params, Operand.absent(), target)
    instruction.effect(memory, kernels)
    np.testing.assert_array_equal(output.read(memory[Space.SRAM]), expected)
    assert instruction.traffic(target) == {Space.SRAM: 2 * kind.bytes + kind.elements * target.sram.burst_bytes}
    assert [refusal.found for refusal in spec.limits(get("u55-128"))] == ["i16"]


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
