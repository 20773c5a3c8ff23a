# SPDX-License-Identifier: Apache-2.0
"""Splits an op along its channels where the rows under one row of its result do not fit in SRAM together: a pool, a reduction.

A pool over a whole image reads all of it for one result, and the planner's stripes are rows. Each channel is pooled for itself, so slices
of channels are, one after the other, and their results are put side by side. It costs a copy of the input; without it the network would
not compile for the machine at all.
"""

from dataclasses import dataclass

from torch_mlir import ir, rewrite

from npuc.dialects.base import build, spec_of
from npuc.ops import all_ops
from npuc.ops.base import OpSpec, Tile
from npuc.ops.concat import Concat
from npuc.ops.slice import Slice
from npuc.passes.base import Pass, apply_patterns, beside_layer, named_target, refuses
from npuc.plan.graph import row_axis, row_bytes
from npuc.targets.base import Target, ceil_div

# so many channels stay together: runs of fewer bytes waste the port
_TOGETHER = 16


@dataclass(frozen=True)
class NpuSplitChannels(Pass):
    def run(self, module: ir.Module) -> None:
        # a module for no machine in particular fits; where off-chip memory cannot be written the whole input lies in SRAM anyway
        target = named_target(module)
        if target is None or not target.dram.writable:
            return

        def split(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
            return _split(op.operation, rewriter, target)

        names = [name for name, cls in all_ops().items() if not (cls.host_only or cls.is_view or cls.param_operands)]
        apply_patterns(module, *((f"npu.{name}", split) for name in names))


def _split(op: ir.Operation, rewriter: rewrite.PatternRewriter, target: Target) -> bool:
    spec = spec_of(op)
    if spec.channelwise != (0,) or refuses(target, spec) or _stripe_bytes(spec, target) <= target.sram.bytes:
        return True
    if 2 * row_bytes(spec.inputs[0]) > target.sram.bytes:
        # then a slice does not fit either
        return True
    channels = spec.output.shape[-1]
    pieces = [_chunks(spec, count) for count in range(2, ceil_div(channels, _TOGETHER) + 1)]
    # half of the SRAM leaves room for what comes next
    rooms = target.sram.bytes // 2, target.sram.bytes
    fitting = (tiles for room in rooms for tiles in pieces if all(_stripe_bytes(tile.spec, target) <= room for tile in tiles))
    chosen = next(fitting, None)
    if chosen is None:
        # the planner says what is short
        return True
    with rewriter.ip:
        parts = []
        for tile in chosen:
            starts, sizes = zip(*tile.regions[0], strict=True)
            picked = Slice.of(spec.inputs[0], starts=starts, sizes=sizes, strides=(1,) * len(sizes))
            part = build(picked, [op.operands[0]], loc=beside_layer(op, "slice"))
            parts.append(build(tile.spec, [part], loc=op.location))
        whole = Concat.of(*(tile.spec.output for tile in chosen), axis=len(spec.output.shape) - 1)
        joined = build(whole, parts, loc=beside_layer(op, "concat"))
    rewriter.replace_op(op, [joined])
    return False


def _chunks(spec: OpSpec, count: int) -> list[Tile]:
    """The op in about `count` parts of whole bundles of channels."""
    channels = spec.output.shape[-1]
    size = ceil_div(ceil_div(channels, count), _TOGETHER) * _TOGETHER
    whole = spec.output.whole[:-1]
    return [spec.tile((*whole, (start, min(size, channels - start)))) for start in range(0, channels, size)]


def _stripe_bytes(spec: OpSpec, target: Target) -> int:
    """What a stripe of one row of the result takes in SRAM."""
    region = list(spec.output.whole)
    axis = row_axis(spec.output)
    if axis is not None and axis in spec.splits:
        region[axis] = (0, 1)
    tile = spec.tile(tuple(region)).spec
    return tile.inputs[0].bytes + tile.output.bytes + tile.scratch_bytes(target)
