# SPDX-License-Identifier: Apache-2.0
"""quantize against PyTorch's quantized_decomposed.quantize_per_tensor, ties and extremes included."""

import numpy as np
import pytest

from npuc.ops.base import TensorType
from npuc.ops.quantize import Quantize
from ops.harness import upto

torch = pytest.importorskip("torch")


def random_spec(rng):
    shape = tuple(upto(rng, 6) for _ in range(upto(rng, 4)))
    return Quantize.of(TensorType(shape, "f32"), output=TensorType((), "i8"), scale=float(rng.uniform(0.01, 1)), zp=upto(rng, 127, -128))


def torch_quantize(x, scale, zp, lo, hi, dtype):
    import torchao.quantization.pt2e  # noqa: F401, defines the op

    return torch.ops.quantized_decomposed.quantize_per_tensor(torch.from_numpy(x), scale, zp, lo, hi, dtype).numpy()


@pytest.mark.parametrize("seed", range(10))
def test_reference_equals_pytorch(seed):
    rng = np.random.default_rng(seed)
    scale, zp = float(rng.uniform(0.001, 1)), upto(rng, 127, -128)
    steps = rng.integers(-200, 200, 3000) + rng.choice([0.0, 0.5], 3000)
    x = np.concatenate(((steps * scale).astype(np.float32), rng.normal(scale=100, size=1000).astype(np.float32), np.float32([3e38, -3e38])))
    spec = Quantize.of(TensorType(x.shape, "f32"), output=TensorType((), "i8"), scale=scale, zp=zp)
    np.testing.assert_array_equal(spec.reference(x), torch_quantize(x, scale, zp, -128, 127, torch.int8))


def test_unsigned_results_equal_pytorch():
    x = np.linspace(-1, 3, 1001, dtype=np.float32)
    spec = Quantize.of(TensorType(x.shape, "f32"), output=TensorType((), "ui8"), scale=0.01, zp=17, lo=0, hi=255)
    np.testing.assert_array_equal(spec.reference(x), torch_quantize(x, 0.01, 17, 0, 255, torch.uint8))


def test_no_number_becomes_the_zero_point():
    spec = Quantize.of(TensorType((1,), "f32"), output=TensorType((), "i8"), scale=0.1, zp=5)
    assert spec.reference(np.float32([np.nan])).tolist() == [5]
