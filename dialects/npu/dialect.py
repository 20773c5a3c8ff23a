# SPDX-License-Identifier: Apache-2.0
"""The `npu` dialect. Its attributes are in `npuc.dialects.attrs`, the base of its ops in `npuc.dialects.npu.base`."""

from torch_mlir.dialects import ext


class Npu(ext.Dialect, name="npu"):
    """Quantized tensor ops, whole or tiled."""
