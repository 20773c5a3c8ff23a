# SPDX-License-Identifier: Apache-2.0
"""npu.yield: what an npu.group hands out."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from npuc.dialects.base import Operand, Pure, complain
from npuc.dialects.npu.dialect import Npu
from npuc.dialects.npu.ops.group import pack


class YieldOp(Npu.Operation, name="yield", traits=[Pure, ir.IsTerminatorTrait]):
    """Ends the region of an npu.group; its operand is the group's result."""

    input: Operand[Any]

    @classmethod
    def verify_invariants(cls, op):
        parent = op.operation.parent
        if parent is None or parent.operation.name != "npu.group":
            return complain(op, ["stands outside of npu.group"])
        return True


def build_yield(values: Sequence[ir.Value], *, loc: ir.Location | None = None) -> ir.Operation:
    """Pack `values` and insert the terminator of a group at the current insertion point."""
    return ir.Operation.create("npu.yield", operands=[pack(values, loc=loc)], loc=loc)
