# SPDX-License-Identifier: Apache-2.0
"""Real networks against LiteRT's reference kernels, every byte of every output. Needs the models, which lie beside the repository."""

from pathlib import Path

import numpy as np
import pytest

import npuc

pytest.importorskip("tflite")
pytest.importorskip("ai_edge_litert")

from samples.tflite_files import Oracle

MODELS = Path(__file__).resolve().parents[3] / "shared" / "models" / "tflite"
# the larger ones: bench/tflite_models.py
SMALL = (
    "mlperf_ad_fcae_int8", "mlperf_ic_resnet8_int8", "mlperf_kws_dscnn_int8", "mlperf_vww_mnv1_025_96_int8", "tflm_hello_world_int8",
    "tflm_micro_speech_int8", "tinymaix_mnist_resnet", "mit_mcunetv2_vww", "tinymaix_mbnet128_025", "coral_mobilenet_v1_025_128_quant_u8",
)  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_a_network_equals_the_reference_kernels(name):
    path = MODELS / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"there is no {path.name} in ../shared/models/tflite")
    oracle = Oracle(path.read_bytes())
    program = npuc.compile(path, target="edge-256")
    rng = np.random.default_rng(0)
    for _ in range(3):
        inputs = oracle.random_inputs(rng)
        found = program.run(*inputs)
        for one, other in zip(found if isinstance(found, tuple) else (found,), oracle.run(*inputs), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
