# SPDX-License-Identifier: Apache-2.0
"""The contract of an op class, and the only deep user of torch_mlir.dialects.ext.

A dialect is a package in this folder with a `dialect.py` that holds its `Dialect` subclass and an `ops/` folder
with one op a file. An op class that stands for an op of `npuc.ops` names it (`spec = Conv2d`), declares the spec's
operands in order, one `Any` attribute for each of the spec's params and one result; a param that came with a later version of
the format (`since`) is not declared: an op without the attribute has its default. The rest is generic and lives here:

    spec_of(op)          MLIR op -> frozen spec (encodings and attributes of other passes are ignored)
    build(spec, values)  frozen spec -> MLIR op at the insertion point
    verify(op)           the spec's own problems() as MLIR diagnostics
"""

from collections.abc import Iterable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import ext

from npuc.dialects.attrs import from_attr, read_once, to_attr
from npuc.ops import all_ops
from npuc.ops.base import NUMPY_DTYPES, OpSpec, TensorType

Dialect = ext.Dialect
Operand = ext.Operand
Result = ext.Result
Region = ext.Region
Pure = ext.Pure

# operands of an op that takes any number of them
MAX_VARIADIC = 32


def element_type(dtype: str) -> ir.Type:
    """MLIR's type of an element: i8, ui8, f32, ..."""
    return ir.Type.parse(dtype)


@read_once
def tensor_type(kind: ir.Type) -> TensorType:
    """The `TensorType` of a ranked tensor or memref; its encoding or memory space is left out.

    Raises:
        ValueError: no shaped type, a dynamic extent, or an element type unknown here.
    """
    if not isinstance(kind, (ir.RankedTensorType, ir.MemRefType)):
        raise ValueError(f"has type {kind}, wanted a ranked tensor")
    if not kind.has_static_shape:
        raise ValueError(f"has type {kind}, wanted a static shape")
    dtype = str(kind.element_type)
    if dtype not in NUMPY_DTYPES:
        raise ValueError(f"has element type {dtype}, wanted one of {', '.join(NUMPY_DTYPES)}")
    return TensorType(tuple(kind.shape), dtype)


def mlir_type(tensor: TensorType, encoding: ir.Attribute | None = None) -> ir.RankedTensorType:
    """The ranked tensor type of `tensor` in the current context."""
    return ir.RankedTensorType.get(tensor.shape, element_type(tensor.dtype), encoding)


def spec_class(op: ir.Operation | ir.OpView) -> type[OpSpec] | None:
    """The op of `npuc.ops` that `op` stands for, or None."""
    dialect, _, name = op.operation.name.partition(".")
    return all_ops().get(name) if dialect == "npu" else None


def spec_of(op: ir.Operation | ir.OpView) -> OpSpec:
    """The frozen spec of an op.

    Raises:
        ValueError: `op` stands for no op of `npuc.ops`, an attribute is missing, or a type or attribute has no Python value.
    """
    cls = spec_class(op)
    if cls is None:
        raise ValueError(f"'{op.operation.name}' is no op of npuc.ops")
    attributes = op.operation.attributes
    params = {}
    for field in cls.params():
        if field.name in attributes:
            params[field.name] = _param(field.name, attributes[field.name])
        elif not field.metadata["since"]:
            raise ValueError(f"attribute '{field.name}' is missing")
    inputs = tuple([_typed(cls, position, value) for position, value in enumerate(op.operation.operands)])
    return cls(inputs, _typed(cls, None, op.operation.results[0]), **params)


def _param(name: str, attribute: ir.Attribute) -> object:
    try:
        return from_attr(attribute)
    except ValueError as error:
        raise ValueError(f"attribute '{name}' {error}") from error


def _typed(cls: type[OpSpec], position: int | None, value: ir.Value) -> TensorType:
    """The type of the operand at `position`, or of the result."""
    try:
        return tensor_type(value.type)
    except ValueError as error:
        subject = "result" if position is None else _operand_name(cls, position)
        raise ValueError(f"{subject} {error}") from error


def _operand_name(cls: type[OpSpec], index: int) -> str:
    names = cls.operand_names
    return f"operand '{names[index]}'" if index < len(names) else f"operand {index}"


def build(spec: OpSpec, operands: Sequence[ir.Value], *, result_type: ir.Type | None = None, loc: ir.Location | None = None) -> ir.Value:
    """Insert the op of `spec` at the current insertion point and return its result.

    Args:
        operands: one value for each of `spec.inputs`.
        result_type: the result's type where it differs from `spec.output` in its encoding.
        loc: source location; the current one unless given.

    Raises:
        ValueError: more operands than a variadic op can have.
    """
    params = ((field, getattr(spec, field.name)) for field in spec.params())
    attributes = {field.name: to_attr(value) for field, value in params if not (field.metadata["since"] and value == field.default)}
    if spec.variadic:
        if len(operands) > MAX_VARIADIC:
            raise ValueError(f"npu.{spec.name} has {len(operands)} operands, wanted at most {MAX_VARIADIC}")
        attributes["operandSegmentSizes"] = ir.DenseI32ArrayAttr.get([int(i < len(operands)) for i in range(MAX_VARIADIC)])
    op = ir.Operation.create(
        f"npu.{spec.name}", results=[result_type or mlir_type(spec.output)], operands=list(operands), attributes=attributes, loc=loc
    )
    return op.results[0]


def complain(op: ir.Operation | ir.OpView, problems: Iterable[str]) -> bool:
    """Emit each problem as an error of `op`; True where there is none (what a verifier returns)."""
    found = [f"'{op.operation.name}' op {problem}" for problem in problems]
    for text in found:
        op.operation.location.emit_error(text)
    return not found


def verify(op: ir.Operation | ir.OpView) -> bool:
    """The verifier of every op with a spec: the spec's problems() as diagnostics."""
    try:
        spec = spec_of(op)
    except ValueError as error:
        return complain(op, [str(error)])
    return complain(op, spec.problems())
