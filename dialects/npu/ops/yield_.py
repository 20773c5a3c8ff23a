# SPDX-License-Identifier: Apache-2.0
"""npu.yield: the results of an npu.group."""

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from npuc.dialects.base import Operand, Pure, complain
from npuc.dialects.npu.dialect import Npu


class YieldOp(Npu.Operation, name="yield", traits=[Pure, ir.IsTerminatorTrait]):
    """Ends the region of an npu.group; its operands are the group's results."""

    inputs: Sequence[Operand[Any]]

    @classmethod
    def verify_invariants(cls, op):
        parent = op.operation.parent
        if parent is None or parent.operation.name != "npu.group":
            return complain(op, ["stands outside of npu.group"])
        return True


def build_yield(values: Sequence[ir.Value], *, loc: ir.Location | None = None) -> ir.Operation:
    """Insert the terminator of a group at the current insertion point."""
    return ir.Operation.create(
        "npu.yield", operands=list(values), attributes={"operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(values)])}, loc=loc
    )
