# SPDX-License-Identifier: Apache-2.0
"""Writes the border of a small image where a convolution of few channels would spend more on its border than that takes.

Where the columns of a kernel are taken as channels, every column of the result whose window reaches beyond the image is a command of its
own, and most of a machine's pixels are idle in it. With the border written beside the image there is none. The rows above and below
stay padding: they cost nothing.
"""

from dataclasses import dataclass, replace

from torch_mlir import ir, rewrite

from npuc.dialects.base import build, spec_of
from npuc.ops.conv2d import Conv2d
from npuc.ops.pad import Pad
from npuc.passes.base import Pass, apply_patterns, beside_layer, named_target, refuses, replace_op
from npuc.plan.commands import whole_cycles
from npuc.targets.base import Target


@dataclass(frozen=True)
class NpuPadColumns(Pass):
    def run(self, module: ir.Module) -> None:
        # a module for no machine in particular has no cost
        target = named_target(module)
        if target is None:
            return

        def pad(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
            return _pad(op.operation, rewriter, target)

        apply_patterns(module, ("npu.conv2d", pad))


def _pad(op: ir.Operation, rewriter: rewrite.PatternRewriter, target: Target) -> bool:
    spec = spec_of(op)
    assert isinstance(spec, Conv2d)
    *rows, left, right = spec.pads
    if not (left or right) or not spec.takes_columns_as_channels:
        return True
    padded = Pad.of(spec.inputs[0], pads=(0, 0, 0, 0, left, right, 0, 0), value=spec.zp_x)
    inside = replace(spec, inputs=(padded.output, *spec.inputs[1:]), pads=(*rows, 0, 0))
    if refuses(target, spec, padded, inside):
        return True
    if whole_cycles(padded, target) + whole_cycles(inside, target) >= whole_cycles(spec, target):
        return True
    with rewriter.ip:
        image = build(padded, [op.operands[0]], loc=beside_layer(op, "pad"))
    replace_op(rewriter, op, inside, [image, *list(op.operands)[1:]])
    return False
