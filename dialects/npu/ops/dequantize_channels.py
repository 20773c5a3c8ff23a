# SPDX-License-Identifier: Apache-2.0
"""npu.dequantize_channels: quantized weights as a frontend hands them over.

y = (x - zps[c]) * scales[c], c the index along `axis`. It stands between a constant and the linalg op that reads
it; `convert-linalg-to-npu` takes both up, so it never reaches a machine and has no spec.
"""

from typing import Any

from torch_mlir import ir

from npuc.dialects.attrs import from_attr
from npuc.dialects.base import Operand, Pure, Result, complain
from npuc.dialects.npu.dialect import Npu


class DequantizeChannelsOp(Npu.Operation, name="dequantize_channels", traits=[Pure]):
    """i8 -> f32 of the same shape; `scales` is a list of floats, `zps` integers, one each an index of `axis`."""

    input: Operand[Any]
    axis: Any
    scales: Any
    zps: Any
    output: Result[Any]

    @classmethod
    def verify_invariants(cls, op):
        kind, result = op.input.type, op.output.type
        if not isinstance(kind, ir.RankedTensorType) or not isinstance(result, ir.RankedTensorType) or kind.shape != result.shape:
            return complain(op, [f"has types {kind} and {result}, wanted tensors of one shape"])
        try:
            axis, scales, zps = (from_attr(op.operation.attributes[name]) for name in ("axis", "scales", "zps"))
        except (KeyError, ValueError) as error:
            return complain(op, [f"has a missing or malformed attribute: {error}"])
        if not isinstance(axis, int) or not 0 <= axis < len(kind.shape):
            return complain(op, [f"axis is {axis}, wanted 0 to {len(kind.shape) - 1}"])
        channels = kind.shape[axis]
        if not isinstance(scales, list) or not isinstance(zps, tuple) or {len(scales), len(zps)} != {channels}:
            return complain(op, [f"scales or zps do not have {channels} entries, one a channel"])
        return True
