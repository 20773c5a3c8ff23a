# SPDX-License-Identifier: Apache-2.0
"""The `npu` dialect: what to compute, on quantized tensors, whole or tiled."""
