# SPDX-License-Identifier: Apache-2.0
"""Quantizing before an op that only moves or chooses values: quantize is monotone, so the two may change places.

Other quantizers leave a reshape, a pool or a clamp in float between an op and its quantize; a composite that torch-mlir takes
apart ends in a reshape. With a quantize in front of that, the op before it is found as usual.
"""

from dataclasses import dataclass, replace

from torch_mlir import ir

from npuc.dialects.attrs import to_attr
from npuc.dialects.base import tensor_type
from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._match import MOVES, Root, attribute, broadcast_shape

# how many leading operands are data; 0: all
_DATA_OPERANDS = {**dict.fromkeys(MOVES, 1), "linalg.pooling_nchw_max": 1, "tensor.concat": 0}
_KINDS = ("clamp", "resize_nearest")


@dataclass(frozen=True)
class Sunk:
    """A copy of a root whose operands are quantized.

    Attributes:
        quantizes: the new npu.quantize ops, for the caller to raise.
    """

    root: Root
    quantizes: tuple[ir.Operation, ...]


def sunk(root: Root, quantize: ir.Operation) -> Sunk | None:
    """A copy of the root before `quantize`, its float operands quantized and dequantized by the root's parameters.

    None where the op computes new values, or where all its operands are quantized already.
    """
    operands = _data(root.op)
    floats = [index for index in operands if quantized_before(root.op.operands[index]) is None]
    if not floats:
        return None
    made = []
    with ir.InsertionPoint(quantize), root.location:
        copy = root.op.clone()
        for index in floats:
            value = copy.operands[index]
            codes = ir.RankedTensorType.get(tensor_type(value.type).shape, ir.IntegerType.get_signless(8))
            scale = {name: quantize.attributes[name] for name in ("scale", "zp")}
            bounds = {"lo": to_attr(root.lo), "hi": to_attr(root.hi)}
            made.append(ir.Operation.create("npu.quantize", results=[codes], operands=[value], attributes=scale | bounds))
            copy.operands[index] = ir.Operation.create(
                "npu.dequantize", results=[value.type], operands=made[-1].results, attributes=scale
            ).result
    # the bounds went along, unless the op adds values of its own or some operand has other bounds
    if len(floats) == len(operands) and root.op.name not in ("tensor.pad", "npu.float_op"):
        root = replace(root, lo=-128, hi=127)
    return Sunk(replace(root, op=copy), tuple(made))


def quantized_before(value: ir.Value) -> ir.Operation | None:
    """The npu.dequantize under data movement, None where there is none; unlike `quantized`, inserts nothing."""
    op = defining(value)
    while op is not None and op.name in MOVES and (not op.name.startswith("linalg.g") or broadcast_shape(op) is not None):
        op = defining(op.operands[0])
    return op if op is not None and op.name == "npu.dequantize" else None


def _data(op: ir.Operation) -> tuple[int, ...]:
    if op.name == "npu.float_op":
        return (0,) if attribute(op, "kind") in _KINDS else ()
    if op.name not in _DATA_OPERANDS or (op.name == "linalg.generic" and broadcast_shape(op) is None):
        return ()
    return tuple(range(_DATA_OPERANDS[op.name] or len(op.operands)))
