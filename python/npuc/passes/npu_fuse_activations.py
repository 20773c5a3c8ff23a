# SPDX-License-Identifier: Apache-2.0
"""Makes ReLU, ReLU6 and every other `npu.clamp` the bounds of the op before it, where they cost nothing.

clip(clip(x, lo, hi), a, b) = clip(x, clip(lo, a, b), clip(hi, a, b)), so bounds compose exactly. The op before is one with a
rescale or with bounds of its own (clamp, max_pool2d, quantize) and no other reader; a clamp of a clamp reads past it whoever else reads it. A
clamp that its input already obeys goes.
"""

from dataclasses import dataclass, replace

from torch_mlir import ir, rewrite

from npuc.dialects.base import build, spec_class, spec_of
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import RANGES
from npuc.ops.base import OpSpec
from npuc.ops.clamp import Clamp
from npuc.ops.max_pool2d import MaxPool2d
from npuc.ops.quantize import Quantize
from npuc.passes.base import Pass, apply_patterns, defining, fused, replace_op, uses

_BOUNDED = (Clamp, MaxPool2d, Quantize)


@dataclass(frozen=True)
class NpuFuseActivations(Pass):
    def run(self, module: ir.Module) -> None:
        apply_patterns(module, ("npu.clamp", _fuse))


def bounds(spec: OpSpec) -> tuple[int, int]:
    """The least and greatest value that the op can give."""
    if isinstance(spec, _BOUNDED):
        return spec.lo, spec.hi
    rescale = getattr(spec, "rescale", None)
    if isinstance(rescale, Rescale):
        return rescale.lo, rescale.hi
    return RANGES[spec.output.dtype]


def with_bounds(spec: OpSpec, lo: int, hi: int) -> OpSpec | None:
    """The op with other bounds, None where it has none to set."""
    if isinstance(spec, _BOUNDED):
        return replace(spec, lo=lo, hi=hi)
    rescale = getattr(spec, "rescale", None)
    if isinstance(rescale, Rescale):
        return replace(spec, rescale=replace(rescale, lo=lo, hi=hi))  # type: ignore[call-arg]
    return None


def _fuse(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    clamp = spec_of(op)
    assert isinstance(clamp, Clamp)
    producer = defining(op.operands[0])
    spec = spec_of(producer) if producer is not None and spec_class(producer) is not None else None
    lo, hi = bounds(spec) if spec is not None else RANGES[clamp.output.dtype]
    if clamp.lo <= lo and hi <= clamp.hi:
        rewriter.replace_op(op, [op.operands[0]])
        return False
    if producer is None or spec is None:
        return True
    new = with_bounds(spec, _clip(lo, clamp), _clip(hi, clamp))
    if new is None:
        return True
    if isinstance(spec, Clamp):
        replace_op(rewriter, op, new, list(producer.operands))
        return False
    if uses(producer.results[0]) != 1:
        return True
    # under the producer's name; the producer is dead now and the driver erases it
    with rewriter.ip:
        made = build(new, list(producer.operands), loc=fused(producer, op))
    rewriter.replace_op(op, [made])
    return False


def _clip(value: int, clamp: Clamp) -> int:
    return min(max(value, clamp.lo), clamp.hi)
