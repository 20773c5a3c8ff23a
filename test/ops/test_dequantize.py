# SPDX-License-Identifier: Apache-2.0
"""dequantize against PyTorch's quantized_decomposed.dequantize_per_tensor."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.dequantize import Dequantize
from ops.harness import i8, upto

torch = pytest.importorskip("torch")


def random_spec(rng):
    tensor = i8(*(upto(rng, 6) for _ in range(upto(rng, 4))))
    return Dequantize.of(tensor, scale=float(rng.uniform(0.01, 1)), zp=upto(rng, 127, -128))


@pytest.mark.parametrize("seed", range(10))
def test_reference_equals_pytorch(seed):
    import torchao.quantization.pt2e  # noqa: F401, defines the op

    rng = np.random.default_rng(seed)
    scale, zp = float(rng.uniform(1e-4, 1)), upto(rng, 127, -128)
    x = np.arange(-128, 128).astype(np.int8)
    expected = torch.ops.quantized_decomposed.dequantize_per_tensor(torch.from_numpy(x), scale, zp, -128, 127, torch.int8)
    np.testing.assert_array_equal(Dequantize.of(i8(256), scale=scale, zp=zp).reference(x), expected.numpy())


def test_unsigned_values_keep_their_range():
    spec = Dequantize.of(TensorType((2,), "ui8"), scale=0.5, zp=128)
    assert spec.reference(np.array([0, 255], np.uint8)).tolist() == [-64.0, 63.5]
