# SPDX-License-Identifier: Apache-2.0
"""What add and sub share: two terms with their factors, and a common step with headroom."""

from dataclasses import replace

import numpy as np
from torch_mlir import ir

from npuc.numerics.scales import quantize_scale
from npuc.passes.convert_linalg_to_npu._match import Quantized, Root, constant, make, reshape, terms

# bits of headroom of the common step (TFLite, TOSA: 20 for i8)
HEADROOM = 20


def factors(op: ir.Operation) -> tuple[float, float] | None:
    """(f, g) of a linalg.generic that computes f * a + g * b of its two operands; None for anything else."""
    block = op.regions[0].blocks[0]
    if len(op.operands) != 3 or any(str(kind) != "#linalg.iterator_type<parallel>" for kind in op.attributes["iterator_types"]):
        return None
    known = {block.arguments[0]: np.array([1.0, 0.0]), block.arguments[1]: np.array([0.0, 1.0])}
    for item in block.operations:
        inner = item.operation
        values = [known.get(value) for value in inner.operands]
        if inner.name == "linalg.yield":
            found = values[0]
            return None if found is None else (float(found[0]), float(found[1]))
        value = _combined(inner, values)
        if value is None:
            return None
        known[inner.results[0]] = value
    return None


def _combined(op: ir.Operation, values: list[np.ndarray | None]) -> np.ndarray | None:
    """The factors behind one arith op, given those of its operands (None: a number)."""
    if op.name == "arith.mulf" and len([value for value in values if value is None]) == 1:
        at = 0 if values[0] is None else 1
        number = constant(op.operands[at])
        factor = values[1 - at]
        return None if number is None or factor is None else factor * float(number.reshape(-1)[0])
    if any(value is None for value in values):
        return None
    rule = {"arith.addf": np.add, "arith.subf": np.subtract, "arith.negf": np.negative}.get(op.name)
    return None if rule is None else rule(*values)


def sum_of(name: str, root: Root) -> ir.Value | None:
    """a, b -> i32 of step 2 * max(step a, step b) / 2**20, added or subtracted, rescaled once. A factor is part of the step."""
    found = factors(root.op)
    if found is None or found[0] <= 0 or (found[1] < 0) != (name == "sub") or found[1] == 0:
        return None
    both = terms(root)
    if both is None:
        return None
    a, b = (replace(term, scale=term.scale * abs(factor)) for term, factor in zip(both, found, strict=True))
    return reshape(add_codes(name, root, a, b), root.shape)


def add_codes(name: str, root: Root, a: Quantized, b: Quantized) -> ir.Value:
    """The npu.add or npu.sub of two terms on the root's scale."""
    common = 2 * max(a.scale, b.scale)
    unit = float(1 << HEADROOM)
    return make(
        name, [a.value, b.value], zp_a=a.zp, zp_b=b.zp, scale_a=quantize_scale(a.scale / common * unit),
        scale_b=quantize_scale(b.scale / common * unit), rescale=root.rescale(common / unit),
    )  # fmt: skip
