# SPDX-License-Identifier: Apache-2.0
"""What the convolutions share: input, padding, strides, the bias in the accumulator's initial value."""

from dataclasses import dataclass, replace

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._match import (
    TO_NCHW,
    TO_NHWC,
    Quantized,
    Root,
    Weights,
    array,
    bias_codes,
    channel_vector,
    make,
    padding,
    quantized,
    reshape,
    transpose,
    weights,
)


@dataclass(frozen=True)
class Window:
    """A quantized NCHW input whose padding was a tensor.pad of zeros.

    Attributes:
        pads: top, bottom, left, right.
    """

    x: Quantized
    pads: tuple[int, int, int, int]


def window(value: ir.Value) -> Window | None:
    """The input of a convolution; padding of H and W with real 0 becomes pads."""
    op = defining(value, "tensor.pad")
    if op is not None:
        found = padding(op)
        if found is not None and found[2] == 0.0 and not any(found[0][:2]) and not any(found[1][:2]) and len(found[0]) == 4:
            x = quantized(op.operands[0])
            return None if x is None else Window(x, (found[0][2], found[1][2], found[0][3], found[1][3]))
    x = quantized(value)
    if x is None or len(x.shape) not in (3, 4):
        return None
    # a row of one dimension: its expansion is folded into that of the groups
    n, c, *extents = x.shape
    return Window(x.moved(reshape(x.value, (n, c, *([1] * (2 - len(extents))), *extents))), (0, 0, 0, 0))


def kernel_of(value: ir.Value) -> Weights | None:
    """Constant weights [O, I, H, W]; H is 1 where the model's have one dimension."""
    found = weights(value)
    if found is None or found.codes.ndim not in (3, 4):
        return None
    return found if found.codes.ndim == 4 else replace(found, codes=found.codes[:, :, None])


def pair(op: ir.Operation, name: str) -> tuple[int, int]:
    """A dense attribute of two entries."""
    first, second = np.asarray(op.attributes[name]).tolist()
    return first, second


def convolution(
    root: Root, op: ir.Operation, name: str, found: Window, kernel: Weights, codes: np.ndarray, **params: int
) -> ir.Value | None:
    """The npu op of a convolution.

    Args:
        op: the linalg convolution, whose third operand holds the bias.
        name: conv2d or depthwise_conv2d.
        codes: the weights in npu's layout.
        params: what this kind of convolution has beside the others.
    """
    bias = initial_bias(op)
    if bias is None:
        return None
    step = found.x.scale * kernel.scales
    dilation = pair(op, "dilations")
    x, pads = padded(found, tuple((taps - 1) * step + 1 for taps, step in zip(kernel.codes.shape[2:], dilation, strict=True)))
    operands = [x, array(codes), array(bias_codes(bias, step))]
    result = make(
        name, operands, strides=pair(op, "strides"), dilation=dilation, pads=pads, zp_x=found.x.zp, zp_w=kernel.zp, rescale=root.rescale(step), **params
    )
    return reshape(transpose(result, TO_NCHW), root.shape)


def padded(found: Window, reaches: tuple[int, ...]) -> tuple[ir.Value, tuple[int, ...]]:
    """The input in NHWC and the padding that is left to the convolution, less than its reach; the rest becomes an npu.pad.

    Args:
        reaches: positions from the first to the last tap, along H and W.
    """
    x = transpose(found.x.value, TO_NHWC)
    inner = tuple(min(pad, reaches[i // 2] - 1) for i, pad in enumerate(found.pads))
    outer = tuple(pad - kept for pad, kept in zip(found.pads, inner, strict=True))
    return (make("pad", [x], pads=(0, 0, *outer, 0, 0), value=found.x.zp) if any(outer) else x), inner


def initial_bias(op: ir.Operation) -> np.ndarray | None:
    """f64 [C]: what the accumulators of a linalg convolution start from, where that varies with the channel alone."""
    value = op.operands[2]
    return channel_vector(value, 1) if len(tensor_type(value.type).shape) == 4 else _grouped_bias(value)


def _grouped_bias(value: ir.Value) -> np.ndarray | None:
    """f64 [C] of an initial value [N, G, C / G, H, W]."""
    op = defining(value, "tensor.expand_shape")
    if op is not None:
        return channel_vector(op.operands[0], 1)
    shape = tensor_type(value.type).shape
    parts = [channel_vector(value, 1), channel_vector(value, 2)]
    whole = next((part for part in parts if part is not None and (part == part[0]).all()), None)
    return None if whole is None else np.full(shape[1] * shape[2], whole[0])
