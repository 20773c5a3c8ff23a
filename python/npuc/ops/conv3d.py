# SPDX-License-Identifier: Apache-2.0
"""conv3d: quantized 3-D convolution, on the host (TOSA CONV3D)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.numerics import kernels
from npuc.ops._checks import ACTIVATIONS, dtype_is, in_range, rank_is, type_is
from npuc.ops._host import HostOp
from npuc.ops.base import TensorType, param


@dataclass(frozen=True)
class Conv3d(HostOp):
    """y[n,d,h,w,o] = bias[o] + sum over k,i,j,c of (x[n, d*sd - front + k*dd, h*sh - top + i*dh, w*sw - left + j*dw, c] - zp_x) * (f[o,k,i,j,c] - zp_w).

    input i8 [N, D, H, W, C], weights i8 [O, KD, KH, KW, C], bias i32 [O] -> i32 [N, OD, OH, OW, O]; or i16 and i64. Positions outside the volume
    contribute 0; along each dimension OD = floor((D + front + back - reach) / sd) + 1, reach = (KD - 1) * dd + 1.
    """

    name: ClassVar[str] = "conv3d"
    operand_names: ClassVar[tuple[str, ...]] = ("input", "weights", "bias")

    strides: tuple[int, int, int] = param("stride along D, H and W", (1, 1, 1))
    dilation: tuple[int, int, int] = param("distance of the kernel's taps along D, H and W", (1, 1, 1))
    pads: tuple[int, int, int, int, int, int] = param("padding: front, back, top, bottom, left, right", (0, 0, 0, 0, 0, 0))
    zp_x: int = param("zero point of the input", 0)
    zp_w: int = param("zero point of the weights", 0)

    def malformed(self) -> Iterator[str]:
        x, weights, bias = self.inputs
        ranks = [*rank_is("input", x, 5), *rank_is("weights", weights, 5)]
        yield from ranks
        if ranks:
            return
        yield from dtype_is("input", x, *ACTIVATIONS)
        yield from dtype_is("weights", weights, "i8")
        yield from in_range("zp_x", self.zp_x, "i16" if x.dtype == "i16" else "i8")
        yield from in_range("zp_w", self.zp_w, "i8")
        yield from type_is("bias", bias, (weights.shape[0],), "i64" if x.dtype == "i16" else "i32")
        if weights.shape[4] != x.shape[4]:
            yield f"weights have {weights.shape[4]} input channels, wanted the input's {x.shape[4]}"
        if min(*self.strides, *self.dilation) < 1 or min(self.pads) < 0:
            yield f"strides are {self.strides}, dilation {self.dilation}, pads {self.pads}, wanted at least 1, 1, 0"
        elif min(self._outputs()) < 1:
            yield f"kernel is {weights.shape[1:4]}, dilation {self.dilation}, wanted a reach within the padded input {x.shape[1:4]}"

    def _outputs(self) -> tuple[int, ...]:
        extents, kernel = self.inputs[0].shape[1:4], self.inputs[1].shape[1:4]
        around = (self.pads[2 * i] + self.pads[2 * i + 1] for i in range(3))
        windows = zip(extents, kernel, self.strides, self.dilation, around, strict=True)
        return tuple((extent + pad - (taps - 1) * step - 1) // stride + 1 for extent, taps, stride, step, pad in windows)

    def infer(self) -> TensorType:
        return TensorType((self.inputs[0].shape[0], *self._outputs(), self.inputs[1].shape[0]), self.inputs[2].dtype)

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        x, weights, bias = inputs
        depth, reads = x.shape[1], self._outputs()[0]
        total = np.empty(self.output.shape, bias.dtype)
        total[...] = bias
        none = np.zeros_like(bias)
        for tap in range(weights.shape[1]):
            for out in range(reads):
                # a tap of the kernel's depth is a 2-D convolution of one slice
                slab = out * self.strides[0] - self.pads[0] + tap * self.dilation[0]
                if 0 <= slab < depth:
                    total[:, out] += kernels.conv2d_acc(
                        x[:, slab], weights[:, tap], none, self.zp_x, self.zp_w, self.strides[1:], self.dilation[1:], self.pads[2:], 1
                    )
        return total
