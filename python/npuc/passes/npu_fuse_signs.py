# SPDX-License-Identifier: Apache-2.0
"""Lets a convolution read bytes without a sign, where a rescale in front of it only moves them by 128.

Older networks enter as such bytes. On a machine whose array reads them (`ui8` among the target's element types) the convolution takes
the network's input as it is, with a zero point 128 higher, and the rescale goes where nobody else reads it. The sums are the same.
"""

from dataclasses import dataclass, replace

from torch_mlir import ir, rewrite

from npuc.dialects.base import spec_of
from npuc.ops.conv2d import Conv2d
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.ops.rescale import Rescale
from npuc.passes.base import Pass, apply_patterns, defining, named_target, replace_op

_OFFSET = 128


@dataclass(frozen=True)
class NpuFuseSigns(Pass):
    def run(self, module: ir.Module) -> None:
        # a module for no machine in particular keeps what every machine takes
        target = named_target(module)
        if target is not None and "ui8" in target.element_types:
            apply_patterns(module, ("npu.conv2d", _read_unsigned), ("npu.depthwise_conv2d", _read_unsigned))


def _read_unsigned(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    producer = defining(op.operands[0], "npu.rescale")
    if producer is None:
        return True
    moved, spec = spec_of(producer), spec_of(op)
    assert isinstance(moved, Rescale) and isinstance(spec, Conv2d | DepthwiseConv2d)
    if not _moves_by_128(moved):
        return True
    unsigned = replace(spec, inputs=(moved.inputs[0], *spec.inputs[1:]), zp_x=spec.zp_x + _OFFSET)
    replace_op(rewriter, op, unsigned, [producer.operands[0], *list(op.operands)[1:]])
    return False


def _moves_by_128(rescale: Rescale) -> bool:
    """y = x - 128 for every byte."""
    if (rescale.inputs[0].dtype, rescale.output.dtype) != ("ui8", "i8"):
        return False
    record = rescale.rescale
    unit = record.multiplier[0] == 1 << record.shift[0]
    return unit and record.zp_out - rescale.zp_x == -_OFFSET and (record.lo, record.hi) == (-128, 127)
