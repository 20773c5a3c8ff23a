# SPDX-License-Identifier: Apache-2.0
"""An i32 function of two activations between rescales as one quantized op."""

from torch_mlir import ir

from npuc.dialects.base import spec_of
from npuc.numerics.rescale import Rescale as Records
from npuc.ops._checks import RANGES
from npuc.ops.rescale import Rescale
from npuc.passes.base import defining, uses


def between(op: ir.Operation, kind: str) -> tuple[Rescale, ir.Operation] | None:
    """The spec of a rescale to i8, and the npu.integer_binary `kind` on i32 that it alone reads; None where either is anything else."""
    after = spec_of(op)
    middle = defining(op.operands[0], "npu.integer_binary")
    if not isinstance(after, Rescale) or middle is None or uses(middle.results[0]) != 1:
        return None
    spec = spec_of(middle)
    if spec.kind != kind or spec.shift or (after.inputs[0].dtype, after.output.dtype, after.zp_x) != ("i32", "i8", 0):  # type: ignore[attr-defined]
        return None
    return after, middle


def widened(value: ir.Value) -> tuple[ir.Value, Rescale] | None:
    """The i8 behind an npu.rescale to i32, and the rescale; None where there is none."""
    op = defining(value, "npu.rescale")
    spec = full_rescale(op, "i8") if op is not None else None
    return None if op is None or spec is None else (op.operands[0], spec)


def full_rescale(op: ir.Operation, dtype: str) -> Rescale | None:
    """The spec of an npu.rescale of `dtype` to i32 without bounds; None for any other."""
    spec = spec_of(op)
    assert isinstance(spec, Rescale)
    full = Records(spec.rescale.multiplier, spec.rescale.shift, 0, *RANGES["i32"], spec.rescale.double_round)
    return spec if spec.inputs[0].dtype == dtype and spec.rescale == full else None


def is_neutral(spec: Rescale) -> bool:
    """Whether it changes nothing but the zero point; rounding adds nothing to a whole number."""
    return spec.rescale.multiplier[0] == 1 << spec.rescale.shift[0] and spec.rescale.shift[0] <= 31
