# SPDX-License-Identifier: Apache-2.0
"""Ops, instructions and machines described from their own files, for the command line and the reference pages."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from npuc import targets
from npuc.isa import all_instructions
from npuc.isa.base import Instruction
from npuc.ops import all_ops
from npuc.ops.base import OpSpec
from npuc.targets.base import SpatialArray, Target


def first_sentence(text: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())


def type_name(kind: Any) -> str:
    """`tuple[int, int]`, `int`, `Rescale`."""
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind)) if not getattr(kind, "__args__", ()) else str(kind)


# ops -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpDescription:
    """What `npuc ops` says of an op.

    Attributes:
        doc: docstring of its class: formula, shapes, types.
        operands: names in order; one name for a variadic op.
        params: (name, type, default, meaning).
        limits: rules by which a machine may refuse it.
        where: "npu", "host", or "view" (changes the type alone, nothing runs).
    """

    name: str
    doc: str
    where: str
    operands: tuple[str, ...]
    variadic: bool
    params: tuple[tuple[str, str, str, str], ...]
    limits: tuple[str, ...]

    def to_dict(self) -> dict:
        """Plain values."""
        params = [dict(zip(("name", "type", "default", "doc"), one, strict=True)) for one in self.params]
        return {
            "name": self.name, "doc": self.doc, "where": self.where, "operands": list(self.operands), "variadic": self.variadic,
            "params": params, "limits": list(self.limits),
        }  # fmt: skip


def ops() -> tuple[OpDescription, ...]:
    """Every op, by name."""
    return tuple(_op(cls) for cls in all_ops().values())


def _op(cls: type[OpSpec]) -> OpDescription:
    params = tuple((one.name, type_name(one.type), _default(one.default), one.metadata["doc"]) for one in cls.params())
    where = "host" if cls.host_only else "view" if cls.is_view else "npu"
    return OpDescription(cls.name, inspect.cleandoc(cls.__doc__ or ""), where, cls.operand_names, cls.variadic, params, tuple(dict.fromkeys(_limits(cls))))


def _default(value: Any) -> str:
    # every rescale's default is a stand-in that well-formed ops replace
    return value if isinstance(value, str) else "" if hasattr(value, "multiplier") else repr(value)


def _limits(cls: type[OpSpec]) -> Iterator[str]:
    """The rules in the op's `limits` and `limits_with_params`: what they yield from, and the refusals they yield themselves."""
    for method in ("limits", "limits_with_params"):
        yield from _rules_of(cls, method, cls.__mro__)


def _rules_of(cls: type, method: str, order: tuple[type, ...]) -> Iterator[str]:
    for position, owner in enumerate(order):
        if method in vars(owner):
            if owner is not OpSpec:
                yield from _rules_in(vars(owner)[method], cls, order[position + 1 :])
            return


def _rules_in(function: Any, cls: type, above: tuple[type, ...]) -> Iterator[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    names = vars(sys.modules[function.__module__])
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Call):
            texts = _texts(node.value)
            if texts:
                yield texts[0] if len(texts) == 1 else f"{texts[0]}: {texts[-1]}"
        if isinstance(node, ast.YieldFrom) and isinstance(node.value, ast.Call):
            yield from _rules_from_call(node.value, names, cls, above)


def _rules_from_call(call: ast.Call, names: dict[str, Any], cls: type, above: tuple[type, ...]) -> Iterator[str]:
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=method):
            yield from _rules_of(cls, method, above)
        case ast.Attribute(value=ast.Name(id="self"), attr=method):
            yield _rule(getattr(cls, method), call)
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            yield _rule(getattr(names[module], name), call)
        case ast.Name(id=name):
            yield _rule(names[name], call)


def _texts(call: ast.Call) -> list[str]:
    """The string constants among the arguments of a call."""
    return [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def _rule(helper: Any, call: ast.Call) -> str:
    """A shared rule: its own sentence, with the words and the number that this op gives it."""
    sentence = first_sentence(helper.__doc__).rstrip(".")
    texts = _texts(call)
    number = next((one.value for one in call.args if isinstance(one, ast.Constant) and type(one.value) is int), None)
    if texts and number is not None:
        return f"{texts[0]}: at most {number}"
    return f"{sentence}: {', '.join(texts)}" if texts else sentence


WHERE = {"npu": "", "host": "  (on the host, at the edge of a program)", "view": "  (nothing runs: the type alone changes)"}


def op_text(one: OpDescription) -> str:
    """An op for the terminal."""
    operands = ", ".join(one.operands) + ("..." if one.variadic else "")
    lines = [f"{one.name}({operands}){WHERE[one.where]}"]
    lines += textwrap.indent(one.doc, "    ").splitlines()
    if one.params:
        lines.append("    parameters")
        lines += [f"        {name}: {kind}{f' = {default}' if default else ''}  {doc}" for name, kind, default, doc in one.params]
    if one.limits:
        lines.append("    limits")
        lines += [f"        {rule}" for rule in one.limits]
    return "\n".join(lines)


# instructions --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InstructionDescription:
    """One instruction of the machine.

    Attributes:
        fields: (name, kind, meaning); an operand's kind says its role, a scalar's its width.
    """

    mnemonic: str
    opcode: int
    unit: str
    doc: str
    fields: tuple[tuple[str, str, str], ...]


def instructions() -> tuple[InstructionDescription, ...]:
    """Every instruction, in the order of the opcodes."""
    return tuple(
        InstructionDescription(name, cls.opcode, cls.unit.value, inspect.cleandoc(cls.__doc__ or ""), tuple(_instruction_fields(cls)))
        for name, cls in all_instructions().items()
    )


_ROLES = {"in": "operand read", "in?": "operand read, may be absent", "out": "operand written"}


def _instruction_fields(cls: type[Instruction]) -> Iterator[tuple[str, str, str]]:
    for one in fields(cls):
        data = one.metadata
        if "operand" in data:
            kind = _ROLES[data["operand"]]
        elif "enum" in data:
            kind = "u8: " + ", ".join(f"{int(member)} {member.name}" for member in data["enum"])
        else:
            kind = f"{'i' if data['signed'] else 'u'}{data['bits']}"
        yield one.name, kind, data["doc"]


# machines ------------------------------------------------------------------------------------------


def _rate(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


def array_shape(target: Target) -> str:
    """How the multiplier array is laid out."""
    array = target.array
    if isinstance(array, SpatialArray):
        return f"{array.rows} x {array.columns} pixels, {array.out_channels} output x {array.in_channels} input channels"
    height, width, channels = array.ublock
    return f"{array.cores} cores, micro-block {height} x {width} x {channels}"


def target_rows(target: Target) -> tuple[tuple[str, str], ...]:
    """(what, figure) of a machine, for a table."""
    sram, dram, buffers = target.sram, target.dram, target.buffers
    kept = [size // 1024 for size in (buffers.input_bytes, buffers.weight_bytes, buffers.accumulator_bytes)]
    rates = target.output.cycles_per_element
    output = ", ".join(f"{kind} {_rate(1 / rate)}" for kind, rate in sorted(rates.items())) if len(rates) > 1 else _rate(1 / rates["other"])
    return (
        ("clock", f"{target.clock_hz // 1_000_000} MHz"),
        ("MAC/cycle", f"{target.array.macs_per_cycle}: {array_shape(target)}"),
        ("output path, elements/cycle", output),
        ("on-core buffers", f"input {kept[0]}, weights {kept[1]}, accumulators {kept[2]} KiB"),
        ("SRAM", f"{sram.bytes // 1024} KiB; {_rate(sram.bytes_per_cycle)} bytes/cycle; latency {sram.read_latency}; word {sram.burst_bytes}"),
        ("off-chip", f"{_rate(dram.bytes_per_cycle)} bytes/cycle; latency {dram.read_latency}/{dram.write_latency}; burst {dram.burst_bytes}"),
        ("queues", ", ".join(target.queue_names)),
        ("semaphores", str(target.semaphores)),
        ("core reaches off-chip memory", "yes" if target.core_reaches_dram else "no"),
        ("element types", ", ".join(target.element_types)),
    )


def all_targets() -> tuple[Target, ...]:
    """Every machine, smallest array first."""
    return tuple(sorted((targets.get(name) for name in targets.names()), key=lambda one: (one.array.macs_per_cycle, one.name)))
