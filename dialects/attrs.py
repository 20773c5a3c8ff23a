# SPDX-License-Identifier: Apache-2.0
"""Python values <-> MLIR attributes, both ways, without loss.

    bool            true                          tuple of ints   array<i64: 1, 2>
    int             3 : i64                       list            [1, "a"]
    float           1.5 : f64                     dict            {key = 3 : i64}
    str             "text"                        None            unit
    tuple of floats array<f64: 1.5, 2.5>
    Rescale         #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: …>, …}>
    Placement       #npu.space<"sram", 1024 : i64, 4 : i64, "nhwc">
    TargetRef       #npu.target<"edge-256", {sram_bytes = 524288 : i64}>
    ScheduleDict    #npu.schedule<{groups = […], …}>

Python's str and int are not cast by the bindings, so everything that writes or reads an attribute goes through here.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from torch_mlir import ir

from npuc.dialects.npu.dialect import Npu
from npuc.errors import UserInputError
from npuc.numerics.rescale import Rescale

_RESCALE_FIELDS = tuple(field.name for field in fields(Rescale))
LAYOUTS = ("nhwc", "bricks")
_I64 = range(-(1 << 63), 1 << 63)

Value = TypeVar("Value")


class RescaleAttr(Npu.Attribute, name="scale"):
    """`npuc.numerics.rescale.Rescale`, field by field. Not `#npu.rescale`: an attribute and an op of one dialect share their names."""

    fields: Any


class SpaceAttr(Npu.Attribute, name="space"):
    """Where a tensor or memref lies; see `Placement`."""

    memory: ir.StringAttr
    offset: ir.IntegerAttr
    rows: ir.IntegerAttr
    layout: ir.StringAttr


class TargetAttr(Npu.Attribute, name="target"):
    """The machine a module is compiled for; see `TargetRef`."""

    target: ir.StringAttr
    options: Any


class ScheduleAttr(Npu.Attribute, name="schedule"):
    """The schedule of a function as one dictionary; see `ScheduleDict`."""

    content: Any


@dataclass(frozen=True)
class Placement:
    """Where a tensor lies.

    Attributes:
        memory: "sram" or "dram".
        offset: byte address, -1 while not placed.
        rows: rows of the ring that holds it, 0 where it is held whole.
        layout: "nhwc", or "bricks": in each row the channels stand in bricks of 16, and all pixels of a brick before the next.
    """

    memory: str
    offset: int = -1
    rows: int = 0
    layout: str = "nhwc"


@dataclass(frozen=True)
class TargetRef:
    """A target by name, with the SRAM capacity it is compiled for."""

    name: str
    sram_bytes: int


class ScheduleDict(dict):
    """A schedule as plain JSON values (str, int, float, bool, None, list, dict)."""


def to_attr(value: Any) -> ir.Attribute:
    """The attribute of `value` in the current context.

    Raises:
        ValueError: a kind of value that no attribute stands for here.
    """
    match value:
        case ir.Attribute():
            return value
        case bool():
            return ir.BoolAttr.get(value)
        case int():
            if value not in _I64:
                raise ValueError(f"is {value}, wanted a 64-bit integer")
            return _int(value)
        case float():
            return ir.FloatAttr.get_f64(value)
        case str():
            return ir.StringAttr.get(value)
        case tuple():
            kinds = set(map(type, value))
            if value and all(issubclass(kind, float) for kind in kinds):
                return ir.DenseF64ArrayAttr.get(list(value))
            if not all(issubclass(kind, int) and kind is not bool for kind in kinds):
                raise ValueError(f"is {value!r}, wanted a tuple of integers, or of floats")
            return ir.DenseI64ArrayAttr.get(list(value))
        case ScheduleDict():
            return ScheduleAttr.get(_dict(value))
        case Mapping():
            return _dict(value)
        case list():
            return ir.ArrayAttr.get([to_attr(item) for item in value])
        case None:
            return ir.UnitAttr.get()
        case Rescale():
            return RescaleAttr.get(_dict({name: getattr(value, name) for name in _RESCALE_FIELDS}))
        case Placement():
            return SpaceAttr.get(ir.StringAttr.get(value.memory), _int(value.offset), _int(value.rows), ir.StringAttr.get(value.layout))
        case TargetRef():
            return TargetAttr.get(ir.StringAttr.get(value.name), _dict({"sram_bytes": value.sram_bytes}))
    raise ValueError(f"is a {type(value).__name__}, which no attribute stands for")


def _int(value: int) -> ir.IntegerAttr:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)


def _dict(value: Mapping[str, Any]) -> ir.DictAttr:
    bad = [key for key in value if not isinstance(key, str) or not key]
    if bad:
        raise ValueError(f"has the key {bad[0]!r}, wanted a non-empty string")
    return ir.DictAttr.get({key: to_attr(item) for key, item in value.items()})


def from_attr(attribute: ir.Attribute) -> Any:
    """The Python value of `attribute`: the inverse of `to_attr`.

    Raises:
        ValueError: an attribute that stands for no Python value here.
    """
    reader = _READERS.get(type(attribute))
    if reader is None:
        # elements of arrays and parameters of our own attributes arrive without their class
        attribute = attribute.maybe_downcast()
        reader = _READERS.get(type(attribute))
    if reader is None:
        raise ValueError(f"is {attribute}, wanted a boolean, number, string, array, dictionary or #npu attribute")
    return reader(attribute)


def read_once(read: Callable[[Any], Value]) -> Callable[[Any], Value]:
    """A reader of attributes or types that many ops share, asked once for each; what it gives is frozen.

    MLIR makes equal ones once and keeps them as long as their context. Their hash is their address: it tells them apart without
    keeping the context alive, and what was read goes when the context goes.
    """
    of_context: WeakKeyDictionary[ir.Context, dict[int, Value]] = WeakKeyDictionary()

    @functools.wraps(read)
    def reader(shared: Any) -> Value:
        known = of_context.setdefault(shared.context, {})
        address = hash(shared)
        if address not in known:
            known[address] = read(shared)
        return known[address]

    return reader


def _read_integer(attribute: ir.IntegerAttr) -> int:
    return attribute.value


def _read_dict(attribute: ir.DictAttr) -> dict[str, Any]:
    return {entry.name: from_attr(entry.attr) for entry in attribute}


@read_once
def _read_rescale(attribute: RescaleAttr) -> Rescale:
    content = from_attr(attribute.fields)
    if not isinstance(content, dict) or set(content) != set(_RESCALE_FIELDS):
        raise ValueError(f"is {attribute}, wanted exactly the fields {', '.join(_RESCALE_FIELDS)}")
    for name in ("multiplier", "shift"):
        if not isinstance(content[name], tuple):
            raise ValueError(f"is {attribute}, wanted {name} = array<i64: …>")
    for name in ("zp_out", "lo", "hi"):
        if type(content[name]) is not int:
            raise ValueError(f"is {attribute}, wanted an integer {name}")
    if not isinstance(content["double_round"], bool):
        raise ValueError(f"is {attribute}, wanted a boolean double_round")
    return Rescale(**content)


@read_once
def _read_space(attribute: SpaceAttr) -> Placement:
    found = Placement(*map(from_attr, attribute.params))
    if found.layout not in LAYOUTS:
        raise UserInputError("a tensor lies in an order that nothing knows", found=str(attribute), wanted=" or ".join(LAYOUTS))
    return found


def _read_target(attribute: TargetAttr) -> TargetRef:
    options = from_attr(attribute.options)
    if not isinstance(options, dict) or set(options) != {"sram_bytes"} or type(options["sram_bytes"]) is not int:
        raise ValueError(f'is {attribute}, wanted #npu.target<"name", {{sram_bytes = N : i64}}>')
    return TargetRef(from_attr(attribute.target), options["sram_bytes"])


def _read_schedule(attribute: ScheduleAttr) -> ScheduleDict:
    content = from_attr(attribute.content)
    if not isinstance(content, dict):
        raise ValueError(f"is {attribute}, wanted #npu.schedule<{{…}}>")
    return ScheduleDict(content)


_READERS = {
    ir.BoolAttr: lambda attribute: attribute.value,
    ir.IntegerAttr: _read_integer,
    ir.FloatAttr: lambda attribute: attribute.value,
    ir.StringAttr: lambda attribute: attribute.value,
    ir.DenseI64ArrayAttr: lambda attribute: tuple(attribute),
    ir.DenseF64ArrayAttr: lambda attribute: tuple(attribute),
    ir.ArrayAttr: lambda attribute: [from_attr(item) for item in attribute],
    ir.DictAttr: _read_dict,
    ir.UnitAttr: lambda attribute: None,
    RescaleAttr: _read_rescale,
    SpaceAttr: _read_space,
    TargetAttr: _read_target,
    ScheduleAttr: _read_schedule,
}
