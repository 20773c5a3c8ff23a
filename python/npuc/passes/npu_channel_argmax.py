# SPDX-License-Identifier: Apache-2.0
"""Lets an argmax read integers, search the last dimension and keep it, where the machine then takes it.

Real values that were integers stand in the order of those, so their argmax is that of the integers, and nothing is dequantized for it.
The NPU searches channels, which stay with extent 1: a transpose brings another dimension there, and a reshape takes from the result what
the model does not keep. What the machine refuses all the same is left as it is, for the host. npu-cancel-layouts comes later: in a
network from PyTorch the channels are the last dimension already, behind a transpose that meets the new one.
"""

from dataclasses import dataclass, replace

from torch_mlir import ir, rewrite

from npuc.dialects.base import build, spec_of
from npuc.ops.argmax import Argmax
from npuc.ops.base import TensorType
from npuc.ops.dequantize import Dequantize
from npuc.ops.reshape import Reshape
from npuc.ops.transpose import Transpose
from npuc.passes.base import Pass, apply_patterns, defining, named_target, replace_op
from npuc.targets.base import Target

# from here to its inverse no product of a scale and an integer of 17 bits leaves the normal numbers: other integers, other values
_LEAST_SCALE = 2.0**-100


@dataclass(frozen=True)
class NpuChannelArgmax(Pass):
    def run(self, module: ir.Module) -> None:
        apply_patterns(module, ("npu.argmax", _read_integers))
        # a module for no machine in particular keeps what every machine takes
        target = named_target(module)
        if target is None:
            return

        def search_channels(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
            return _search_channels(view.operation, rewriter, target)

        apply_patterns(module, ("npu.argmax", search_channels))


def _read_integers(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """argmax(dequantize(x)) -> argmax(x)."""
    op = view.operation
    before = defining(op.operands[0], "npu.dequantize")
    if before is None:
        return True
    real = spec_of(before)
    assert isinstance(real, Dequantize)
    if not _LEAST_SCALE <= real.scale <= 1 / _LEAST_SCALE or real.inputs[0].dtype not in ("i8", "ui8", "i16"):
        return True
    replace_op(rewriter, op, replace(spec_of(op), inputs=real.inputs[:1]), [before.operands[0]])
    return False


def _search_channels(op: ir.Operation, rewriter: rewrite.PatternRewriter, target: Target) -> bool:
    """argmax(x) -> reshape(argmax(transpose(x)) along the last dimension, kept)."""
    spec = spec_of(op)
    assert isinstance(spec, Argmax)
    rank = len(spec.inputs[0].shape)
    if spec.axis == rank - 1 and spec.keepdims:
        return True
    order = (*(axis for axis in range(rank) if axis != spec.axis), spec.axis)
    moved = Transpose.of(spec.inputs[0], perm=order)
    last = replace(spec, inputs=(moved.output,), axis=rank - 1, keepdims=True, output=TensorType((*moved.output.shape[:-1], 1), spec.output.dtype))
    moves = spec.axis != rank - 1
    if any(last.limits(target)) or (moves and any(moved.limits(target))):
        return True
    with rewriter.ip:
        value = build(moved, [op.operands[0]], loc=op.location) if moves else op.operands[0]
        found = build(last, [value], loc=op.location)
    replace_op(rewriter, op, Reshape.of(last.output, output=spec.output), [found])
    return False
