# SPDX-License-Identifier: Apache-2.0
"""Takes the stride out of a 1x1 convolution: a slice picks the pixels that are read, the convolution reads them all.

A 1x1 kernel with stride 2 reads one pixel in four and holds up memory and transfers for the rest of them. Sliced first, the input
of the convolution is a quarter of the size: it stays in SRAM where the whole did not, and its weights are fetched once. Where the
machine is known, a convolution stays whole that is so small that the slice costs more than a quarter of it, all tensors in SRAM.
"""

from dataclasses import dataclass, replace

from torch_mlir import ir, rewrite

from npuc.dialects.base import build, spec_of
from npuc.ops.base import OpSpec
from npuc.ops.conv2d import Conv2d
from npuc.ops.slice import Slice
from npuc.passes.base import Pass, apply_patterns, beside_layer, named_target, refuses, replace_op
from npuc.plan.commands import whole_cycles
from npuc.targets.base import Target


@dataclass(frozen=True)
class NpuSliceStrides(Pass):
    def run(self, module: ir.Module) -> None:
        target = named_target(module)

        def slice_first(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
            return _slice_first(op.operation, rewriter, target)

        apply_patterns(module, ("npu.conv2d", slice_first))


def _slice_first(op: ir.Operation, rewriter: rewrite.PatternRewriter, target: Target | None) -> bool:
    spec = spec_of(op)
    assert isinstance(spec, Conv2d)
    if spec.inputs[1].shape[1:3] != (1, 1) or spec.strides == (1, 1) or any(spec.pads):
        return True
    n, height, width, _ = spec.output.shape
    source = spec.inputs[0]
    picked = Slice.of(source, starts=(0, 0, 0, 0), sizes=(n, height, width, source.shape[3]), strides=(1, *spec.strides, 1))
    dense = replace(spec, inputs=(picked.output, *spec.inputs[1:]), strides=(1, 1))
    if target is not None and not _pays(spec, (picked, dense), target):
        return True
    with rewriter.ip:
        value = build(picked, [op.operands[0]], loc=beside_layer(op, "slice"))
    replace_op(rewriter, op, dense, [value, *list(op.operands)[1:]])
    return False


def _pays(strided: OpSpec, sliced: tuple[OpSpec, ...], target: Target) -> bool:
    """What a smaller input saves around the op is worth a quarter of it."""
    if refuses(target, strided, *sliced):
        return True
    return 4 * sum(whole_cycles(spec, target) for spec in sliced) <= 5 * whole_cycles(strided, target)
