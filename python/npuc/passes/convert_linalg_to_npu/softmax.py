# SPDX-License-Identifier: Apache-2.0
"""npu.float_op "softmax" along the last dimension -> npu.softmax."""

from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._match import Quantized, Root, attribute, make, quantized, transpose

ROOTS = ("float_op.softmax",)
OUTPUT_SCALE, OUTPUT_ZP = 1 / 256, -128


def convert(root: Root) -> ir.Value | None:
    """Another dimension is brought to the end; another result scale costs a rescale."""
    x = quantized(root.op.operands[0])
    if x is None:
        return None
    rank = len(x.shape)
    axis = attribute(root.op, "params")["axis"] % rank
    last = (*(i for i in range(rank) if i != axis), axis)
    back = tuple(last.index(i) for i in range(rank))
    value = make("softmax", [transpose(x.value, last)], scale=x.scale)
    return root.requantized(Quantized(transpose(value, back), OUTPUT_SCALE, OUTPUT_ZP))
