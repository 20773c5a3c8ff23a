# SPDX-License-Identifier: Apache-2.0
"""npu.float_op "avg_pool2d" and "adaptive_avg_pool2d" with equal windows -> npu.avg_pool2d."""

from torch_mlir import ir

from npuc.ops.avg_pool2d import average_rescale
from npuc.passes.convert_linalg_to_npu._match import TO_NCHW, TO_NHWC, Quantized, Root, attribute, make, quantized, transpose

ROOTS = ("float_op.avg_pool2d", "float_op.adaptive_avg_pool2d")


def convert(root: Root) -> ir.Value | None:
    """The rescale holds one record a divisor where padding is not counted."""
    x = quantized(root.op.operands[0])
    if x is None or len(x.shape) != 4:
        return None
    params = attribute(root.op, "params")
    if attribute(root.op, "kind") == "adaptive_avg_pool2d":
        return _adaptive(root, x)
    kernel = _pair(params["kernel"])
    strides = _pair(params.get("strides") or kernel)
    padding = _pair(params.get("padding", [0]))
    if not _same_extent(x, root, kernel, strides, padding):
        return None
    pads = (padding[0], padding[0], padding[1], padding[1])
    divisor = params.get("divisor")
    if divisor is not None:
        # a divisor of one's own is a factor, and holds for every window
        return _pool(root, x, kernel, strides, pads, True, kernel[0] * kernel[1] / divisor)
    return _pool(root, x, kernel, strides, pads, bool(params.get("count_include_pad", True)) or not any(pads))


def _adaptive(root: Root, x: Quantized) -> ir.Value | None:
    """Only where every window has one size and none overlaps."""
    (height, width), (rows, columns) = x.shape[2:], root.shape[2:]
    if (rows, columns) == (1, 1) or height % rows or width % columns:
        # one window over everything is a mean: mean.py
        return None
    kernel = (height // rows, width // columns)
    return _pool(root, x, kernel, kernel, (0, 0, 0, 0), True)


def _pool(root: Root, x: Quantized, kernel, strides, pads, include: bool, factor: float = 1.0) -> ir.Value:
    rescale = average_rescale(x.scale * factor / root.scale, kernel, not include, root.zp, root.lo, root.hi)
    value = make(
        "avg_pool2d",
        [transpose(x.value, TO_NHWC)],
        kernel=kernel,
        strides=strides,
        pads=pads,
        count_include_pad=include,
        zp_x=x.zp,
        rescale=rescale,
    )
    return transpose(value, TO_NCHW)


def _same_extent(x: Quantized, root: Root, kernel, strides, padding) -> bool:
    """Whether the result is what rounding down gives (ceil_mode may add windows beyond the image)."""
    wanted = tuple((extent + 2 * p - k) // s + 1 for extent, k, s, p in zip(x.shape[2:], kernel, strides, padding, strict=True))
    return wanted == root.shape[2:]


def _pair(values) -> tuple[int, int]:
    values = tuple(values) if isinstance(values, tuple | list) else (values,)
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])
