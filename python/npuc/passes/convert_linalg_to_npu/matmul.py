# SPDX-License-Identifier: Apache-2.0
"""linalg.matmul and linalg.batch_matmul of two activations -> npu.matmul."""

from torch_mlir import ir

from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._match import Root, constant, make, quantized, reshape

_PRODUCTS = ("linalg.matmul", "linalg.batch_matmul")
_SHAPES = ("tensor.expand_shape", "tensor.collapse_shape")
ROOTS = (*_PRODUCTS, *_SHAPES)


def convert(root: Root) -> ir.Value | None:
    """The product starts from zeros."""
    op: ir.Operation | None = root.op
    while op is not None and op.name in _SHAPES:
        op = defining(op.operands[0])
    if op is None or op.name not in _PRODUCTS:
        return None
    a, b = quantized(op.operands[0]), quantized(op.operands[1])
    start = constant(op.operands[2])
    if a is None or b is None or start is None or start.any():
        return None
    result = make("matmul", [a.value, b.value], zp_a=a.zp, zp_b=b.zp, rescale=root.rescale(a.scale * b.scale))
    return reshape(result, root.shape)
