# SPDX-License-Identifier: Apache-2.0
"""linalg.generic { arith.mulf } of two activations -> npu.mul."""

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import Root, arithmetic, make, reshape, terms

ROOTS = ("linalg.generic",)


def convert(root: Root) -> ir.Value | None:
    """The steps multiply."""
    if arithmetic(root.op) != "mulf":
        return None
    found = terms(root)
    if found is None:
        return None
    a, b = found
    result = make("mul", [a.value, b.value], zp_a=a.zp, zp_b=b.zp, rescale=root.rescale(a.scale * b.scale))
    return reshape(result, root.shape)
