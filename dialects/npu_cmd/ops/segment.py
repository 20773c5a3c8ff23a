# SPDX-License-Identifier: Apache-2.0
"""npu_cmd.segment: commands that run on the NPU between host ops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.attrs import from_attr, to_attr
from npuc.dialects.base import Operand, Region, Result, complain
from npuc.dialects.npu_cmd.dialect import NpuCmd
from npuc.dialects.npu_cmd.ops.instructions import MNEMONICS, build_command, from_op
from npuc.isa.base import Command

SEGMENT = "npu_cmd.segment"


class SegmentOp(NpuCmd.Operation, name="segment"):
    """Off-chip memory starts as `constants` from address 0 on; inputs are put at `input_offsets`, the commands run, results are
    read from `output_offsets`. All tensors are dense there.
    """

    inputs: Sequence[Operand[Any]]
    outputs: Sequence[Result[Any]]
    input_offsets: Any
    output_offsets: Any
    constants: Any
    dram_bytes: ir.IntegerAttr
    sram_bytes: ir.IntegerAttr
    body: Region

    @classmethod
    def verify_invariants(cls, op):
        problems = []
        for name, values in (("input_offsets", op.operation.operands), ("output_offsets", op.operation.results)):
            found = from_attr(op.attributes[name])
            if not isinstance(found, tuple) or len(found) != len(values):
                problems.append(f"attribute '{name}' is {op.attributes[name]}, wanted {len(values)} addresses")
        if not isinstance(op.attributes["constants"], ir.DenseElementsAttr):
            problems.append("attribute 'constants' is no dense<…> of i8")
        return complain(op, problems)

    @classmethod
    def verify_region_invariants(cls, op):
        blocks = list(op.regions[0].blocks)
        if len(blocks) != 1:
            return complain(op, [f"region has {len(blocks)} blocks, wanted 1"])
        legal = {f"npu_cmd.{name}" for name in (*MNEMONICS, "end")}
        strange = [inner.operation.name for inner in blocks[0].operations if inner.operation.name not in legal]
        return complain(op, [f"region holds '{strange[0]}', wanted instructions only"] if strange else [])


@dataclass(frozen=True)
class Segment:
    """A segment free of MLIR.

    Attributes:
        constants: image of off-chip memory from address 0 on.
        input_offsets, output_offsets: where operands are put and results read, in bytes.
    """

    commands: tuple[Command, ...]
    constants: bytes
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]
    dram_bytes: int
    sram_bytes: int


def build_segment(segment: Segment, inputs: Sequence[ir.Value], result_types: Sequence[ir.Type], *, loc: ir.Location | None = None) -> list[ir.Value]:
    """Insert a segment at the current insertion point and return its results."""
    image = np.frombuffer(segment.constants or bytes(1), np.int8)
    attributes = {
        "input_offsets": to_attr(segment.input_offsets),
        "output_offsets": to_attr(segment.output_offsets),
        "constants": ir.DenseElementsAttr.get(image, type=ir.IntegerType.get_signless(8)),
        "dram_bytes": to_attr(segment.dram_bytes),
        "sram_bytes": to_attr(segment.sram_bytes),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(inputs)]),
        "resultSegmentSizes": ir.DenseI32ArrayAttr.get([len(result_types)]),
    }
    op = ir.Operation.create(SEGMENT, results=list(result_types), operands=list(inputs), attributes=attributes, regions=1, loc=loc)
    with ir.InsertionPoint(op.regions[0].blocks.append()):
        for command in segment.commands:
            build_command(command)
        ir.Operation.create("npu_cmd.end")
    return list(op.results)


def read_segment_op(op: ir.Operation | ir.OpView) -> Segment:
    """The segment that an op holds.

    Raises:
        ValueError: an instruction's field is missing or of the wrong kind.
    """
    attributes = op.operation.attributes
    body = list(op.operation.regions[0].blocks[0].operations)
    return Segment(
        tuple(from_op(inner) for inner in body[:-1]),
        np.asarray(attributes["constants"]).tobytes(),
        from_attr(attributes["input_offsets"]),
        from_attr(attributes["output_offsets"]),
        from_attr(attributes["dram_bytes"]),
        from_attr(attributes["sram_bytes"]),
    )
