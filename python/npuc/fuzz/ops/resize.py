# SPDX-License-Identifier: Apache-2.0
"""npu.resize at random."""

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net


def draw(net: Net) -> ir.Value:
    x = net.image(*ACTIVATIONS)
    _, height, width, _ = net.type(x).shape
    (scale_y, offset_y, border_y), (scale_x, offset_x, border_x) = _dimension(net, height), _dimension(net, width)
    return net.op(
        "resize", x, scale_y=scale_y, scale_x=scale_x, offset=(offset_y, offset_x), border=(border_y, border_x),
        rounding=net.pick("floor", "half", "bilinear"),
    )  # fmt: skip


def _dimension(net: Net, extent: int) -> tuple[tuple[int, int], int, int]:
    """n / d, offset, and the border with which the result ends at a whole position."""
    n, d = net.pick((1, 1), (2, 1), (3, 2), (4, 4), (net.upto(8), net.upto(6)))
    offset = net.pick(0, 0, net.upto(n, -n))
    border = net.upto(n, 0)
    return (n, d), offset, border + -((extent - 1) * n - offset + border) % d
