# SPDX-License-Identifier: Apache-2.0
"""npu_cmd.end: the terminator of a segment."""

from torch_mlir import ir

from npuc.dialects.npu_cmd.dialect import NpuCmd


class EndOp(NpuCmd.Operation, name="end", traits=[ir.IsTerminatorTrait]):
    """Ends the region of an npu_cmd.segment."""
