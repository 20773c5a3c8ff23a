# SPDX-License-Identifier: Apache-2.0
"""TFLite's padding of windows."""

from npuc.frontend.tflite._graph import Importer

Pair = tuple[int, ...]


def pads_of(g: Importer, image: Pair, kernel: Pair, strides: Pair, dilation: Pair = (1, 1)) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the operator's padding: SAME gives ceil(extent / stride) positions, the odd one behind; VALID none."""
    if min(*strides, *dilation) < 1:
        raise g.refuse("strides and dilation", found=(strides, dilation), wanted="at least 1")
    padding = g.option("Padding")
    if padding not in (0, 1):
        raise g.refuse("padding", found=padding, wanted="SAME or VALID")
    if padding == 1:
        return 0, 0, 0, 0
    rows, columns = (same(*one) for one in zip(image, kernel, strides, dilation, strict=True))
    return (*rows, *columns)


def same(extent: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Before, after."""
    outputs = -(-extent // stride)
    total = max(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - extent)
    return total // 2, total - total // 2
