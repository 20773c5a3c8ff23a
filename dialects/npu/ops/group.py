# SPDX-License-Identifier: Apache-2.0
"""npu.group: ops that are scheduled together, tiled or not; it computes what its region computes."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from npuc.dialects.attrs import to_attr
from npuc.dialects.base import Pure, Region, Result, complain
from npuc.dialects.npu.dialect import Npu


class GroupOp(Npu.Operation, name="group", traits=[Pure]):
    """results = the operands of the region's npu.yield; values from outside are captured. `info` is the group's dictionary."""

    info: Any
    outputs: Sequence[Result[Any]]
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
        yielded, wanted = [v.type for v in body[-1].operation.operands], [v.type for v in op.operation.results]
        if yielded != wanted:
            return complain(op, [f"yields ({', '.join(map(str, yielded))}), wanted the results' types ({', '.join(map(str, wanted))})"])
        return True


def build_group(result_types: Sequence[ir.Type], info: dict, *, loc: ir.Location | None = None) -> tuple[ir.Operation, ir.Block]:
    """Insert an `npu.group` at the current insertion point; the caller fills its block, `build_yield` last."""
    attributes = {"info": to_attr(info), "resultSegmentSizes": ir.DenseI32ArrayAttr.get([len(result_types)])}
    op = ir.Operation.create("npu.group", results=list(result_types), attributes=attributes, regions=1, loc=loc)
    return op, op.regions[0].blocks.append()
