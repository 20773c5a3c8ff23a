# SPDX-License-Identifier: Apache-2.0
"""linalg.generic { arith.subf } of two activations, one of them times a number or not -> npu.sub."""

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import Root
from npuc.passes.convert_linalg_to_npu._sum import sum_of

ROOTS = ("linalg.generic",)


def convert(root: Root) -> ir.Value | None:
    """Both terms are brought to one step first."""
    return sum_of("sub", root)
