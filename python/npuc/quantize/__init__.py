# SPDX-License-Identifier: Apache-2.0
"""Post-training quantization of PyTorch networks for the NPU. Importing this imports torch."""

from npuc.quantize.quantizer import NpuQuantizer
from npuc.quantize.run import QuantizationReport, is_quantized, quantize_module

__all__ = ["NpuQuantizer", "QuantizationReport", "is_quantized", "quantize_module"]
