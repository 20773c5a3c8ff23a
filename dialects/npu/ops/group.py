# SPDX-License-Identifier: Apache-2.0
"""npu.group: ops that are scheduled together, tiled or not; it computes what its region computes.

A group hands out any number of values of any types as one `tuple`, because MLIR's runtime-defined ops hold all results of a
variadic group to one type. `builtin.unrealized_conversion_cast` packs the tuple inside and unpacks it outside.
"""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from npuc.dialects.attrs import to_attr
from npuc.dialects.base import Pure, Region, Result, complain
from npuc.dialects.npu.dialect import Npu

_CAST = "builtin.unrealized_conversion_cast"


class GroupOp(Npu.Operation, name="group", traits=[Pure]):
    """output = the operand of the region's npu.yield; values from outside are captured. `info` is the group's dictionary."""

    info: Any
    output: Result[Any]
    body: Region

    @classmethod
    def verify_invariants(cls, op):
        if not isinstance(op.attributes["info"], ir.DictAttr):
            return complain(op, [f"attribute 'info' is {op.attributes['info']}, wanted a dictionary"])
        return True

    @classmethod
    def verify_region_invariants(cls, op):
        blocks = list(op.regions[0].blocks)
        if len(blocks) != 1:
            return complain(op, [f"region has {len(blocks)} blocks, wanted 1"])
        if len(blocks[0].arguments):
            return complain(op, [f"region has {len(blocks[0].arguments)} arguments, wanted none: values from outside are captured"])
        body = list(blocks[0].operations)
        if not body or body[-1].operation.name != "npu.yield":
            return complain(op, ["region does not end in npu.yield"])
        yielded, wanted = body[-1].operation.operands[0].type, op.operation.results[0].type
        if yielded != wanted:
            return complain(op, [f"yields {yielded}, wanted the type of the result, {wanted}"])
        return True


def build_group(info: dict, result_types: Sequence[ir.Type], *, loc: ir.Location | None = None) -> tuple[ir.Block, list[ir.Value]]:
    """Insert an `npu.group` and its unpacking at the current insertion point.

    Returns:
        The empty block, which the caller fills (`npuc.dialects.npu.ops.yield_.build_yield` last), and the unpacked results.
    """
    bundle = ir.TupleType.get_tuple(list(result_types))
    op = ir.Operation.create("npu.group", results=[bundle], attributes={"info": to_attr(info)}, regions=1, loc=loc)
    return op.regions[0].blocks.append(), unpack(op.results[0], result_types, loc=loc)


def pack(values: Sequence[ir.Value], *, loc: ir.Location | None = None) -> ir.Value:
    """The tuple of `values`, for npu.yield."""
    bundle = ir.TupleType.get_tuple([value.type for value in values])
    return ir.Operation.create(_CAST, results=[bundle], operands=list(values), loc=loc).results[0]


def unpack(bundle: ir.Value, types: Sequence[ir.Type], *, loc: ir.Location | None = None) -> list[ir.Value]:
    """The values of a tuple."""
    if not types:
        return []
    return list(ir.Operation.create(_CAST, results=list(types), operands=[bundle], loc=loc).results)


def is_cast(op: ir.Operation | ir.OpView) -> bool:
    """Whether `op` packs or unpacks the values of a group."""
    return op.operation.name == _CAST


def unpacked(group: ir.Operation | ir.OpView) -> list[tuple[ir.Value, ir.Value]]:
    """(value outside, value inside) of everything that a group hands out."""
    inside = yielded(group)
    found = []
    for use in group.operation.results[0].uses:
        outside = use.owner.operation
        if is_cast(outside):
            found += list(zip(outside.results, inside, strict=True))
    return found


def yielded(group: ir.Operation | ir.OpView) -> list[ir.Value]:
    """The values inside that a group hands out."""
    body = list(group.operation.regions[0].blocks[0].operations)
    return list(body[-1].operation.operands[0].owner.operands)
