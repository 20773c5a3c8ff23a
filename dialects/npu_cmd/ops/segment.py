# SPDX-License-Identifier: Apache-2.0
"""npu_cmd.segment: commands that run on the NPU between host ops.

Tensors go in and out as one `tuple` each, packed and unpacked by `builtin.unrealized_conversion_cast`, because MLIR's
runtime-defined ops hold a variadic group to one type.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.attrs import from_attr, to_attr
from npuc.dialects.base import Operand, Region, Result, complain
from npuc.dialects.npu.ops.group import pack, unpack
from npuc.dialects.npu_cmd.dialect import NpuCmd
from npuc.dialects.npu_cmd.ops.instructions import MNEMONICS, build_command, from_op
from npuc.isa.base import Command, Space

SEGMENT = "npu_cmd.segment"
EDGE_MEMORIES = {"dram": Space.DRAM, "sram": Space.SRAM}


class SegmentOp(NpuCmd.Operation, name="segment"):
    """Off-chip memory starts as `constants` from address 0 on; inputs are put at `input_offsets`, the commands run, results are
    read from `output_offsets`. All tensors are dense there. `edge_memory` is where inputs and results lie: "dram", or "sram" on
    machines that cannot write off-chip.
    """

    inputs: Operand[Any]
    outputs: Result[Any]
    input_offsets: Any
    output_offsets: Any
    constants: Any
    edge_memory: ir.StringAttr
    dram_bytes: ir.IntegerAttr
    sram_bytes: ir.IntegerAttr
    body: Region

    @classmethod
    def verify_invariants(cls, op):
        problems = []
        for name, kind in (("input_offsets", op.inputs.type), ("output_offsets", op.outputs.type)):
            found = from_attr(op.attributes[name])
            if not isinstance(kind, ir.TupleType):
                problems.append(f"has type {kind}, wanted a tuple")
            elif not isinstance(found, tuple) or len(found) != kind.num_types:
                problems.append(f"attribute '{name}' is {op.attributes[name]}, wanted {kind.num_types} addresses")
        if not isinstance(op.attributes["constants"], ir.DenseElementsAttr):
            problems.append("attribute 'constants' is no dense<…> of i8")
        if from_attr(op.attributes["edge_memory"]) not in EDGE_MEMORIES:
            problems.append(f"attribute 'edge_memory' is {op.attributes['edge_memory']}, wanted {' or '.join(EDGE_MEMORIES)}")
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
        edge_memory: the memory of these.
    """

    commands: tuple[Command, ...]
    constants: bytes
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]
    dram_bytes: int
    sram_bytes: int
    edge_memory: Space = Space.DRAM


def build_segment(segment: Segment, inputs: Sequence[ir.Value], result_types: Sequence[ir.Type], *, loc: ir.Location | None = None) -> list[ir.Value]:
    """Insert a segment at the current insertion point and return its results."""
    image = np.frombuffer(segment.constants or bytes(1), np.int8)
    attributes = {
        "input_offsets": to_attr(segment.input_offsets),
        "output_offsets": to_attr(segment.output_offsets),
        "constants": ir.DenseElementsAttr.get(image, type=ir.IntegerType.get_signless(8)),
        "edge_memory": to_attr(segment.edge_memory.name.lower()),
        "dram_bytes": to_attr(segment.dram_bytes),
        "sram_bytes": to_attr(segment.sram_bytes),
    }
    bundle = ir.TupleType.get_tuple(list(result_types))
    op = ir.Operation.create(SEGMENT, results=[bundle], operands=[pack(inputs, loc=loc)], attributes=attributes, regions=1, loc=loc)
    with ir.InsertionPoint(op.regions[0].blocks.append()):
        for command in segment.commands:
            build_command(command)
        ir.Operation.create("npu_cmd.end")
    return unpack(op.results[0], result_types, loc=loc)


def ports(op: ir.Operation | ir.OpView) -> tuple[list[ir.Value], list[ir.Value]]:
    """The tensors that go into a segment, and those that come out of it."""
    inside = list(op.operation.operands[0].owner.operands)
    outside = [use.owner.operation for use in op.operation.results[0].uses]
    return inside, [value for cast in outside for value in cast.results]


def read_segment_op(op: ir.Operation | ir.OpView) -> Segment:
    """The segment that an op holds.

    Raises:
        ValueError: an instruction's field is missing or of the wrong kind.
    """
    attributes = op.operation.attributes
    body = list(op.operation.regions[0].blocks[0].operations)
    return Segment(
        tuple(from_op(inner) for inner in body[:-1]),
        # an attribute has an element at least, a memory that nobody touches has none
        np.asarray(attributes["constants"]).tobytes()[: from_attr(attributes["dram_bytes"])],
        from_attr(attributes["input_offsets"]),
        from_attr(attributes["output_offsets"]),
        from_attr(attributes["dram_bytes"]),
        from_attr(attributes["sram_bytes"]),
        EDGE_MEMORIES[from_attr(attributes["edge_memory"])],
    )
