# SPDX-License-Identifier: Apache-2.0
"""npu.avg_pool2d at random."""

from dataclasses import replace

from torch_mlir import ir

from npuc.fuzz.net import ACTIVATIONS, Net
from npuc.ops._checks import RANGES
from npuc.ops.avg_pool2d import average_rescale


def draw(net: Net) -> ir.Value:
    x = net.image(*ACTIVATIONS)
    _, height, width, _ = net.type(x).shape
    (kh, sh, _, top, bottom), (kw, sw, _, left, right) = net.window(height, dilated=False), net.window(width, dilated=False)
    include = net.chance(0.4)
    rounding = net.pick("scale", "scale", "half_away", "half_up")
    by_count = not include and (any((top, bottom, left, right)) or net.chance(0.3))
    rescale = average_rescale(float(net.rng.uniform(0.3, 3)), (kh, kw), by_count, net.zero_point(), *RANGES[net.type(x).dtype])
    if rounding != "scale":
        # a division of stored values: as they come out they are stored
        include, rescale = False, replace(net.rescale(dtype=net.type(x).dtype), multiplier=(1 << 30,), shift=(30,), zp_out=0)
    zp_x = net.zero_point() if rounding == "scale" else 0
    return net.op(
        "avg_pool2d", x, kernel=(kh, kw), strides=(sh, sw), pads=(top, bottom, left, right), count_include_pad=include, zp_x=zp_x,
        rescale=replace(rescale, double_round=net.chance(0.5)), rounding=rounding,
    )  # fmt: skip
