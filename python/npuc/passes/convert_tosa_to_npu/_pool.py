# SPDX-License-Identifier: Apache-2.0
"""Kernel, strides and padding of a pooling: attributes, or operands of its adaptive form."""

from npuc.passes.convert_tosa_to_npu._match import Tosa


def window(at: Tosa, first: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Kernel, strides, padding (top, bottom, left, right).

    Args:
        first: the first operand of the adaptive form that says them.
    """
    if at.name.endswith("_adaptive"):
        return at.shape(first, "kernel"), at.shape(first + 1, "stride"), at.shape(first + 2, "padding")
    return at.integers("kernel"), at.integers("stride"), at.integers("pad")
