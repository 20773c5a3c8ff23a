# SPDX-License-Identifier: Apache-2.0
"""Reads a TOSA module: MLIR's text, or its bytecode by way of a child process.

    module = import_tosa(Path("net.mlir"), context)

The module is held against the TOSA specification by MLIR's own tosa-validate before anything is converted. Foreign text is parsed
here; foreign bytecode can crash MLIR's reader when it is damaged, so another process turns it into text.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from npuc import dialects
from npuc.errors import ImportFailed
from npuc.files import check_mlir_text

_BYTECODE_MAGIC = b"ML\xefR"
_CHILD_SECONDS = 120
# What tosa-validate takes for granted: the profile, the extensions and the level (shapes, ranks, kernels) that a module may use. TOSA
# 1.1 is a draft whose additions in PRO-INT are the same arithmetic under other operands.
_TARGET = "tosa-attach-target{profiles=pro_int extensions=int16,doubleround,inexactround,dynamic,shape specification_version=1.1.draft level=8k}"
# The sign of 8-bit values is the rescales' business.
_SIGNLESS = "func.func(tosa-convert-integer-type-to-signless)"
_VALIDATE = "tosa-validate{strict-op-spec-alignment=1}"


def import_tosa(source: Path | str | bytes, context: ir.Context) -> ir.Module:
    """The module in a file, or in text or bytecode given as such, checked.

    Args:
        source: a path, MLIR text, or the bytes of either form.
        context: receives npuc's dialects.

    Raises:
        ImportFailed: no MLIR, no well-formed module, not TOSA, or one that breaks the specification; with the line that says so.
        OSError: the file cannot be read.
    """
    name = source.name if isinstance(source, Path) else "the module"
    text = _text(source.read_bytes() if isinstance(source, Path) else source, name)
    check_mlir_text(text)
    dialects.load(context)
    with context, ir.Location.unknown():
        try:
            module = ir.Module.parse(text)
        except ir.MLIRError as error:
            raise _failed(error, f"'{name}' is no well-formed MLIR module") from None
        _check_function(module, name)
        _close(_functions(module)[0])
        try:
            PassManager.parse(f"builtin.module({_SIGNLESS},{_TARGET},{_VALIDATE})").run(module.operation)
        except ir.MLIRError as error:
            raise _failed(error, f"'{name}' breaks the TOSA specification") from None
    return module


def _failed(error: ir.MLIRError, message: str) -> ImportFailed:
    """The first of MLIR's errors with its line, and how many more there are."""
    found = error.error_diagnostics
    if not found:
        return ImportFailed(message, found=str(error))
    place = re.search(r":(\d+):\d+", str(found[0].location))
    where = f"line {place[1]}: " if place else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ImportFailed(f"{message}: {where}{found[0].message}{more}")


# op -> the operand that says a shape which its result has
_SHAPED = {"tosa.reshape": 1, "tosa.slice": 2}


def _close(function: ir.Operation) -> None:
    """What converters leave open: a first dimension of unknown extent is 1, and a shape operand with -1 is the result's shape."""
    block = function.regions[0].blocks[0]
    for argument in block.arguments:
        argument.set_type(_closed(argument.type))
    for op in [view.operation for view in block.operations]:
        for result in op.results:
            result.set_type(_closed(result.type))
        shape = op.operands[_SHAPED[op.name]].owner if op.name in _SHAPED else None
        if shape is None or isinstance(shape, ir.Block) or shape.name != "tosa.const_shape":
            continue
        kind = op.results[0].type
        if -1 not in np.asarray(shape.attributes["values"]) or not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
            continue
        with ir.InsertionPoint(op), op.location:
            values = ir.DenseElementsAttr.get(np.array(kind.shape, np.int64), type=ir.IndexType.get())
            made = ir.Operation.create("tosa.const_shape", results=[shape.results[0].type], attributes={"values": values})
        op.operands[_SHAPED[op.name]] = made.results[0]
    returned = [value.type for value in block.operations[len(block.operations) - 1].operation.operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get([argument.type for argument in block.arguments], returned))


def _closed(kind: ir.Type) -> ir.Type:
    if not isinstance(kind, ir.RankedTensorType) or not kind.rank or not kind.is_dynamic_dim(0):
        return kind
    return ir.RankedTensorType.get([1, *(kind.get_dim_size(i) for i in range(1, kind.rank))], kind.element_type)


def _functions(module: ir.Module) -> list[ir.Operation]:
    """The functions with a body."""
    ops = (view.operation for view in module.body.operations)
    return [op for op in ops if op.name == "func.func" and len(op.regions[0].blocks)]


def port_names(module: ir.Module) -> tuple[list[str], list[str]]:
    """The names that the module gives its arguments and results (tosa.tensor_name); input_0, output_0 and so on where it gives none."""
    (function,) = _functions(module)
    return (
        _names(function, "arg_attrs", len(function.regions[0].blocks[0].arguments), "input"),
        _names(function, "res_attrs", len(ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value).results), "output"),
    )


def _names(function: ir.Operation, attribute: str, count: int, stem: str) -> list[str]:
    given = list(function.attributes[attribute]) if attribute in function.attributes else [None] * count
    names: list[str] = []
    for index, entry in enumerate(given):
        known = ir.DictAttr(entry) if entry is not None else {}
        name = ir.StringAttr(known["tosa.tensor_name"]).value if "tosa.tensor_name" in known else ""
        names.append(name if name and name not in names else f"{stem}_{index}")
    return names


def _text(data: str | bytes, name: str) -> str:
    if isinstance(data, str):
        return data
    if data.startswith(_BYTECODE_MAGIC):
        return _text_of_bytecode(data, name)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        found = f"byte 0x{data[error.start]:02x} at {error.start}"
        raise ImportFailed(f"'{name}' is neither text nor MLIR bytecode", found=found, wanted="a module of the dialect tosa") from None


def _text_of_bytecode(data: bytes, name: str) -> str:
    command = [sys.executable, "-m", "npuc.opt", "--parse-bytecode"]
    try:
        child = subprocess.run(command, input=data, capture_output=True, check=False, timeout=_CHILD_SECONDS)
    except subprocess.TimeoutExpired:
        raise ImportFailed(f"the bytecode of '{name}' takes too long to read", found=f"{_CHILD_SECONDS} s", wanted="less") from None
    if child.returncode == 0:
        return child.stdout.decode()
    said = (child.stderr.decode(errors="replace").strip().splitlines() or [""])[0]
    found = f"the reader died of signal {-child.returncode}" if child.returncode < 0 else said
    raise ImportFailed(f"the bytecode of '{name}' is damaged or not of this version of MLIR", found=found)


def _check_function(module: ir.Module, name: str) -> None:
    found = _functions(module)
    if len(found) != 1:
        raise ImportFailed(f"'{name}' holds another number of functions than it should", found=len(found), wanted="one func.func with a body")
    for view in found[0].regions[0].blocks[0].operations:
        dialect = view.operation.name.partition(".")[0]
        if dialect not in ("tosa", "func"):
            raise ImportFailed(f"'{name}' is no TOSA module", found=view.operation.name, wanted="ops of the dialect tosa")
