# SPDX-License-Identifier: Apache-2.0
"""linalg.matmul of an activation with constant weights, a bias added or not -> npu.fully_connected."""

from dataclasses import replace

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._match import (
    Root,
    Weights,
    aligned_shape,
    arithmetic,
    array,
    bias_codes,
    broadcast_shape,
    channel_vector,
    constant,
    make,
    quantized,
    reshape,
    weights,
)

_PRODUCTS = ("linalg.matmul", "linalg.batch_matmul", "linalg.vecmat")
_SHAPES = ("tensor.expand_shape", "tensor.collapse_shape")
ROOTS = (*_PRODUCTS, "linalg.generic", *_SHAPES)


def convert(root: Root) -> ir.Value | None:
    """Leading dimensions fold into one; weights arrive as [I, O]."""
    product, bias = _product_and_bias(root.op)
    if product is None:
        return None
    found, kernel = quantized(product.operands[0]), _weights(product.operands[1])
    if found is None or kernel is None or kernel.codes.ndim != 2:
        return None
    outputs, depth = kernel.codes.shape
    if (outputs, depth) != (root.shape[-1], tensor_type(product.operands[0].type).shape[-1]):
        return None
    # what the product itself starts from
    start = channel_vector(product.operands[2], len(tensor_type(product.operands[2].type).shape) - 1)
    if start is None:
        return None
    step = found.scale * kernel.scales
    x = reshape(found.value, (tensor_type(found.value.type).elements // depth, depth))
    codes = bias_codes(start + (0.0 if bias is None else bias), step)
    operands = [x, array(kernel.codes), array(codes)]
    result = make("fully_connected", operands, zp_x=found.zp, zp_w=kernel.zp, rescale=root.rescale(step))
    return reshape(result, root.shape)


def _product_and_bias(op: ir.Operation | None) -> tuple[ir.Operation | None, np.ndarray | None]:
    """The matmul under reshapes and one addition of a constant vector."""
    bias = None
    while op is not None and op.name not in _PRODUCTS:
        if op.name in _SHAPES:
            op = defining(op.operands[0])
        elif op.name == "linalg.generic" and bias is None and arithmetic(op) == "addf":
            sides = [constant(op.operands[index]) for index in (0, 1)]
            known = [index for index in (0, 1) if sides[index] is not None]
            if len(known) != 1:
                return None, None
            vector = sides[known[0]]
            assert vector is not None
            shape = aligned_shape(op, known[0])
            if vector.ndim != 1 or shape is None or shape[-1] != vector.size:
                return None, None
            bias, op = vector.astype(np.float64), defining(op.operands[1 - known[0]])
        else:
            return None, None
    return op, bias


def _weights(value: ir.Value) -> Weights | None:
    """Codes [O, I]: a transpose of PyTorch's own, or [I, O] that is transposed here. The same for every batch, so that is peeled off."""
    op = defining(value)
    while op is not None and (op.name in _SHAPES or broadcast_shape(op) is not None):
        value = op.operands[0]
        op = defining(value)
    if op is not None and op.name == "linalg.transpose" and tuple(op.attributes["permutation"]) == (1, 0):
        return weights(op.operands[0])
    found = weights(value, axis=-1)
    return None if found is None else replace(found, codes=found.codes.T)
