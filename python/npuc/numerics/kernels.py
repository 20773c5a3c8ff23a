# SPDX-License-Identifier: Apache-2.0
"""Exact integer kernels in numpy: the truth that every other engine is held against.

Sums run through float BLAS only where every partial sum is an exactly representable integer.
The native module offers functions of the same names and signatures.
"""

import numpy as np

from npuc.numerics.rescale import rescale as _rescale

_EXACT_F32 = 1 << 24


def _exact_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left [..., M, K] @ right [..., K, N] of integers up to 2**16 in magnitude, as int64."""
    depth = left.shape[-1]
    # f32 keeps integers up to 2**24 exactly, f64 up to 2**53
    bound = depth * float(np.abs(left).max(initial=0)) * float(np.abs(right).max(initial=0))
    dtype = np.float32 if bound <= _EXACT_F32 else np.float64
    return np.rint(left.astype(dtype) @ right.astype(dtype)).astype(np.int64)


def _windows(x: np.ndarray, kernel: tuple[int, int], strides: tuple[int, int], dilation: tuple[int, int], pads: tuple[int, int, int, int]) -> np.ndarray:
    """Zero-padded sliding windows of x [N, H, W, C] as a view [N, OH, OW, KH, KW, C]."""
    top, bottom, left, right = pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    n, height, width, channels = padded.shape
    reach_h, reach_w = (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1
    out_h, out_w = (height - reach_h) // strides[0] + 1, (width - reach_w) // strides[1] + 1
    sn, sh, sw, sc = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        (n, out_h, out_w, kernel[0], kernel[1], channels),
        (sn, sh * strides[0], sw * strides[1], sh * dilation[0], sw * dilation[1], sc),
        writeable=False,
    )


def conv2d_acc(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, zp_x: int, zp_w: int,
    strides: tuple[int, int], dilation: tuple[int, int], pads: tuple[int, int, int, int], groups: int,
) -> np.ndarray:  # fmt: skip
    """acc = sum((x - zp_x) * (w - zp_w)) + bias; positions outside the image contribute 0.

    x i8 or i16 [N, H, W, C], w i8 [O, KH, KW, C / groups], bias i32 or i64 [O], pads (top, bottom, left, right)
    -> [N, OH, OW, O] of the bias's type.
    """
    out_channels, kernel_h, kernel_w, group_in = w.shape
    centred = x.astype(np.float32) - np.float32(zp_x)
    kernel = w.astype(np.float32) - np.float32(zp_w)
    view = _windows(centred, (kernel_h, kernel_w), strides, dilation, pads)
    n, out_h, out_w = view.shape[:3]
    group_out = out_channels // groups
    acc = np.empty((n, out_h, out_w, out_channels), np.int64)
    for group in range(groups):
        columns = view[..., group * group_in : (group + 1) * group_in].reshape(n * out_h * out_w, -1)
        chosen = slice(group * group_out, (group + 1) * group_out)
        acc[..., chosen] = _exact_product(columns, kernel[chosen].reshape(group_out, -1).T).reshape(n, out_h, out_w, group_out)
    return (acc + bias).astype(bias.dtype)


def depthwise_acc(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, zp_x: int, zp_w: int,
    strides: tuple[int, int], dilation: tuple[int, int], pads: tuple[int, int, int, int],
) -> np.ndarray:  # fmt: skip
    """Depthwise convolution: x i8 or i16 [N, H, W, C], w i8 [KH, KW, C * M], bias i32 or i64 [C * M] -> [N, OH, OW, C * M] of its type.

    Output channel o = c * M + m reads input channel c.
    """
    kernel_h, kernel_w, out_channels = w.shape
    multiplier = out_channels // x.shape[3]
    centred = np.repeat(x.astype(np.int32) - zp_x, multiplier, axis=3)
    kernel = w.astype(np.int32) - zp_w
    view = _windows(centred, (kernel_h, kernel_w), strides, dilation, pads)
    acc = np.broadcast_to(bias, (*view.shape[:3], out_channels)).copy()
    for row in range(kernel_h):
        for column in range(kernel_w):
            acc += view[:, :, :, row, column] * kernel[row, column]
    return acc


def matmul_acc(a: np.ndarray, b: np.ndarray, zp_a: int, zp_b: int) -> np.ndarray:
    """a [B, M, K], b [B, K, N] -> [B, M, N] = sum((a - zp_a) * (b - zp_b)); of i8 i32, where i16 is among them i64."""
    left = a.astype(np.float32) - np.float32(zp_a)
    right = b.astype(np.float32) - np.float32(zp_b)
    return _exact_product(left, right).astype(np.int64 if np.int16 in (a.dtype, b.dtype) else np.int32)


def rescale(acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, zp_out: int, lo: int, hi: int, double_round: bool) -> np.ndarray:
    """i32 [..., C] -> i8 [..., C]; multiplier and shift i32 [1] or [C]. See `npuc.numerics.rescale`."""
    return _rescale(acc, multiplier.astype(np.int64), shift.astype(np.int64), zp_out, lo, hi, double_round, np.int8)
