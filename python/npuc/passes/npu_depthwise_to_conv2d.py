# SPDX-License-Identifier: Apache-2.0
"""Makes a convolution of a depthwise one whose input has a single channel: every output channel reads all there is.

The array computes a depthwise convolution at a fraction of its rate, and a convolution of few channels may take the columns of its kernel
as channels besides. Where the machine is known, the op becomes what takes fewer cycles there, all tensors in SRAM.
"""

from dataclasses import dataclass

import numpy as np
from torch_mlir import ir, rewrite

from npuc.dialects.base import spec_of
from npuc.dialects.npu.ops.constant import build_constant
from npuc.ops.base import TensorType
from npuc.ops.conv2d import Conv2d
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.passes.base import Pass, apply_patterns, constant_value, named_target, refuses, replace_op
from npuc.plan.commands import whole_cycles
from npuc.targets.base import Target


@dataclass(frozen=True)
class NpuDepthwiseToConv2d(Pass):
    def run(self, module: ir.Module) -> None:
        target = named_target(module)

        def convolve(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
            return _convolve(op.operation, rewriter, target)

        apply_patterns(module, ("npu.depthwise_conv2d", convolve))


def _convolve(op: ir.Operation, rewriter: rewrite.PatternRewriter, target: Target | None) -> bool:
    spec, weights = spec_of(op), constant_value(op.operands[1])
    assert isinstance(spec, DepthwiseConv2d)
    if weights is None or spec.inputs[0].shape[3] != 1:
        return True
    outputs_first = np.ascontiguousarray(np.moveaxis(weights, 2, 0)[..., None])
    convolution = Conv2d.of(
        spec.inputs[0], TensorType(outputs_first.shape, "i8"), spec.inputs[2], output=spec.output, strides=spec.strides, dilation=spec.dilation,
        pads=spec.pads, zp_x=spec.zp_x, zp_w=spec.zp_w, rescale=spec.rescale,
    )  # fmt: skip
    if target is not None and not _faster(convolution, spec, target):
        return True
    with rewriter.ip:
        made = build_constant(outputs_first, loc=op.operands[1].owner.location)
    replace_op(rewriter, op, convolution, [op.operands[0], made, op.operands[2]])
    return False


def _faster(convolution: Conv2d, depthwise: DepthwiseConv2d, target: Target) -> bool:
    """A machine that refuses one of them, or both, has its say later."""
    if refuses(target, convolution, depthwise):
        return False
    return whole_cycles(convolution, target) < whole_cycles(depthwise, target)
