# SPDX-License-Identifier: Apache-2.0
"""Images of another size."""

import numpy as np

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite.convolutions import check_types
from npuc.ops._checks import ACTIVATIONS
from npuc.ops.resize import Resize, nearest_scale
from npuc.ops.resize_float import ResizeFloat

# fractional bits of a position in TFLite's integer rule
_BITS = 10


def _sizes(g: Importer, op: FileOp) -> list[tuple[int, int]]:
    """(extent of the input, extent of the output) of rows and columns."""
    x = g.tensor(op.inputs[0]).shape
    size = [int(extent) for extent in g.constant(op.inputs[1]).reshape(-1)]
    if len(x) != 4 or len(size) != 2 or min(size) < 1:
        raise g.refuse("shape of the input and the size", found=(x, size), wanted="four dimensions, two positive extents")
    if tuple(size) != g.tensor(op.outputs[0]).shape[1:3]:
        raise g.refuse("size", found=size, wanted=f"that of the result, {g.tensor(op.outputs[0])}")
    return list(zip(x[1:3], size, strict=True))


def resize_bilinear(g: Importer, op: FileOp) -> None:
    """int8 in fixed point with 10 fractional bits, uint8 in single precision, unless every position is one of the input's."""
    x = op.inputs[0]
    check_types(g, x, op.outputs[0], dtypes=ACTIVATIONS)
    sizes = _sizes(g, op)
    aligned, centred = bool(g.option("AlignCorners", False)), bool(g.option("HalfPixelCenters", False))
    if all(extent in (1, out) for extent, out in sizes):
        _nearest(g, op, [nearest_scale(extent, out) + (0,) for extent, out in sizes])
    elif g.file(x).dtype == "ui8":
        value = g.emit(ResizeFloat, [g.value(x)], size=tuple(out for _, out in sizes), align_corners=aligned, half_pixel_centers=centred)
        g.finish(value)
    else:
        axes = []
        for extent, out in sizes:
            one = 1 << _BITS
            if aligned and out > 1:
                step = (one * (extent - 1) + (out - 1) // 2) // (out - 1)
            else:
                step = (one * extent + out // 2) // out
            # one position alone has no distance to the next
            step = max(step, 1)
            offset = step // 2 - one // 2 if centred else 0
            axes.append(((one, step), offset + (out - 1) * step - (extent - 1) * one, offset))
        _emit(g, op, axes, "bilinear")


def resize_nearest_neighbor(g: Importer, op: FileOp) -> None:
    """TFLite computes positions in single precision; they are held against whole numbers here, one by one.

    Raises:
        UnsupportedOp: some position differs.
    """
    sizes = _sizes(g, op)
    aligned, centred = bool(g.option("AlignCorners", False)), bool(g.option("HalfPixelCenters", False))
    axes, rounding = [], "floor"
    for extent, out in sizes:
        if aligned and out > 1:
            # n / d = (out - 1) / (extent - 1); a single position has no distance
            n, d, offset, rounding = (out - 1, extent - 1, 0, "half") if extent > 1 else (1, 1, 0, "half")
        elif centred:
            n, d, offset = 2 * out, 2 * extent, extent
        else:
            n, d, offset = out, extent, 0
        axes.append(((n, d), offset + (out - 1) * d - (extent - 1) * n, offset))
        _check(g, extent, out, aligned, centred, n, d, offset)
    _emit(g, op, [(scale, border, offset) for scale, border, offset in axes], rounding)


def _check(g: Importer, extent: int, out: int, aligned: bool, centred: bool, n: int, d: int, offset: int) -> None:
    index = np.arange(out)
    scale = np.float32(extent - 1) / np.float32(out - 1) if aligned and out > 1 else np.float32(extent) / np.float32(out)
    position = (index.astype(np.float32) + np.float32(0.5 if centred else 0)) * scale
    wanted = np.floor(position + np.float32(0.5)) if aligned else np.floor(position)
    found, rest = np.divmod(index * d + offset, n)
    found = found + (2 * rest >= n) if aligned and out > 1 else found
    if not np.array_equal(np.clip(found, 0, extent - 1), np.clip(wanted, 0, extent - 1)):
        raise g.refuse(
            "positions of a nearest-neighbour resize", found=f"{extent} to {out} rounded in single precision", wanted="exact quotients"
        )


def _nearest(g: Importer, op: FileOp, axes: list) -> None:
    _emit(g, op, [(scale, border, offset) for scale, border, offset in axes], "floor")


def _emit(g: Importer, op: FileOp, axes: list, rounding: str) -> None:
    (scale_y, border_y, offset_y), (scale_x, border_x, offset_x) = axes
    value = g.emit(
        Resize,
        [g.value(op.inputs[0])],
        scale_y=scale_y,
        scale_x=scale_x,
        offset=(offset_y, offset_x),
        border=(border_y, border_x),
        rounding=rounding,
    )
    g.finish(value)


CONVERTERS = {"RESIZE_BILINEAR": resize_bilinear, "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor}
