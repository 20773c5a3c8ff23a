# SPDX-License-Identifier: Apache-2.0
"""linalg.generic { arith.subf } of two activations -> npu.sub."""

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import Root, arithmetic, terms
from npuc.passes.convert_linalg_to_npu._sum import sum_of

ROOTS = ("linalg.generic",)


def convert(root: Root) -> ir.Value | None:
    """Both terms are brought to one step first."""
    if arithmetic(root.op) != "subf":
        return None
    found = terms(root)
    return None if found is None else sum_of("sub", root, *found)
