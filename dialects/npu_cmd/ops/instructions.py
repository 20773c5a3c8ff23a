# SPDX-License-Identifier: Apache-2.0
"""One op for each instruction of `npuc.isa`, generated from its field list; `queue` names the queue it enters.

    "npu_cmd.dma"() {queue = "dma0", src = #npu_cmd.operand<"dram", "i8", base, shape, strides, pad, pad value, wrap rows, first row,
                                                                        brick stride>, …}

Numbers are i64, enumerations are strings, an operand that the instruction does without is `unit`.
"""

import types
from dataclasses import fields
from functools import cache
from typing import Any

from torch_mlir import ir

from npuc.dialects.attrs import from_attr
from npuc.dialects.base import complain
from npuc.dialects.npu_cmd.dialect import NpuCmd
from npuc.isa import all_instructions
from npuc.isa.base import Command, DType, Instruction, Operand, Space

MNEMONICS = tuple(all_instructions())


class OperandAttr(NpuCmd.Attribute, name="operand"):
    """`npuc.isa.base.Operand`, field by field; shape, strides and pad are arrays."""

    space: ir.StringAttr
    dtype: ir.StringAttr
    base: ir.IntegerAttr
    shape: Any
    strides: Any
    pad: Any
    pad_value: ir.IntegerAttr
    wrap_rows: ir.IntegerAttr
    first_row: ir.IntegerAttr
    brick_stride: ir.IntegerAttr


def _verify(cls, op):
    try:
        from_op(op)
    except ValueError as error:
        return complain(op, [str(error)])
    return True


def _op_class(instruction: type[Instruction]) -> type:
    names = ["queue", *(item.name for item in fields(instruction))]

    def body(namespace: dict) -> None:
        namespace["__annotations__"] = dict.fromkeys(names, Any)
        namespace["__doc__"] = instruction.__doc__
        namespace["__module__"] = __name__
        namespace["verify_invariants"] = classmethod(_verify)

    return types.new_class(f"{instruction.__name__}Op", (NpuCmd.Operation,), {"name": instruction.mnemonic}, body)


# the classes register themselves with the dialect; it is enough that they exist
_CLASSES = tuple(_op_class(instruction) for instruction in all_instructions().values())


@cache
def _scalars(instruction: type[Instruction]) -> tuple[tuple[str, Any], ...]:
    """(field, enumeration or None), operands left out."""
    return tuple((item.name, item.metadata.get("enum")) for item in fields(instruction) if "operand" not in item.metadata)


@cache
def _operands(instruction: type[Instruction]) -> tuple[str, ...]:
    return tuple(item.name for item in fields(instruction) if "operand" in item.metadata)


def _int(value: int) -> ir.IntegerAttr:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)


def _operand_attr(view: Operand) -> ir.Attribute:
    if not view.present:
        return ir.UnitAttr.get()
    return OperandAttr.get(
        ir.StringAttr.get(view.space.name.lower()),
        ir.StringAttr.get(view.dtype.name.lower()),
        _int(view.base),
        ir.DenseI64ArrayAttr.get(view.shape),
        ir.DenseI64ArrayAttr.get(view.strides),
        ir.DenseI64ArrayAttr.get(view.pad),
        _int(view.pad_value),
        _int(view.wrap_rows),
        _int(view.first_row),
        _int(view.brick_stride),
    )


def build_command(command: Command) -> ir.Operation:
    """Insert the op of `command` at the current insertion point, its layer as the location."""
    instruction = command.instruction
    cls = type(instruction)
    attributes: dict[str, ir.Attribute] = {"queue": ir.StringAttr.get(command.queue)}
    for name, kind in _scalars(cls):
        value = getattr(instruction, name)
        attributes[name] = ir.StringAttr.get(kind(value).name) if kind else _int(int(value))
    for name in _operands(cls):
        attributes[name] = _operand_attr(getattr(instruction, name))
    location = ir.Location.name(command.location) if command.location else ir.Location.unknown()
    return ir.Operation.create(f"npu_cmd.{cls.mnemonic}", attributes=attributes, loc=location)


def from_op(op: ir.Operation | ir.OpView) -> Command:
    """The command of an op; its location is the name of the op's location.

    Raises:
        ValueError: a field is missing or holds something else.
    """
    cls = all_instructions()[op.operation.name.partition(".")[2]]
    attributes = op.operation.attributes
    values: dict[str, Any] = {}
    for name, kind in _scalars(cls):
        values[name] = _scalar(name, _attribute(attributes, name), kind)
    for name in _operands(cls):
        values[name] = _operand(name, _attribute(attributes, name))
    queue = from_attr(_attribute(attributes, "queue"))
    if not isinstance(queue, str):
        raise ValueError(f"field 'queue' is {queue!r}, wanted the name of a queue")
    location = op.operation.location
    return Command(cls(**values), queue, location.name_str if isinstance(location, ir.NameLoc) else "")


def _attribute(attributes, name: str) -> ir.Attribute:
    if name not in attributes:
        raise ValueError(f"field '{name}' is missing")
    return attributes[name]


def _scalar(name: str, attribute: ir.Attribute, kind) -> Any:
    value = from_attr(attribute)
    if kind is None:
        if type(value) is not int:
            raise ValueError(f"field '{name}' is {attribute}, wanted an integer")
        return value
    if not isinstance(value, str) or value not in kind.__members__:
        raise ValueError(f"field '{name}' is {attribute}, wanted one of {', '.join(kind.__members__)}")
    return kind[value]


def _operand(name: str, attribute: ir.Attribute) -> Operand:
    if isinstance(attribute, ir.UnitAttr):
        return Operand.absent()
    if not isinstance(attribute, OperandAttr):
        raise ValueError(f"field '{name}' is {attribute}, wanted #npu_cmd.operand<…> or unit")
    # all at once: each of the attribute's properties makes a list of all parameters
    space, dtype, base, *lists, pad_value, wrap_rows, first_row, brick_stride = [from_attr(part) for part in attribute.params]
    space, dtype = space.upper(), dtype.upper()
    if space not in Space.__members__ or dtype not in DType.__members__:
        raise ValueError(f"field '{name}' lies in {space} with elements {dtype}, wanted sram or dram and a known element type")
    if any(not isinstance(part, tuple) or len(part) != 4 for part in lists):
        raise ValueError(f"field '{name}' is {attribute}, wanted four entries in shape, strides and pad")
    return Operand(Space[space], DType[dtype], base, *lists, pad_value, wrap_rows, first_row, brick_stride)
