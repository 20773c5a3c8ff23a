# SPDX-License-Identifier: Apache-2.0
"""Turns TOSA into npu ops, one op after the other, each in its own file, found by walking this folder.

A file names the TOSA ops that it converts (`OPS`) and how (`convert`); what a convolution, a sum or a product can take up of the
rescales around it is fused afterwards (`FUSIONS`, patterns on npu ops). Zero points, shapes, multipliers and shifts must be known at
compile time, as PRO-INT has it; an op that is not converted, with the rule that it breaks, is an UnsupportedOp. 48-bit accumulators
are held in i64. The specification: TOSA 1.0, profile PRO-INT, with EXT-INT16 and EXT-DOUBLEROUND in part.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from torch_mlir import ir

from npuc.passes._rewrites import Rewrite, fired, offer
from npuc.passes.base import Pass, apply_patterns, functions, option
from npuc.passes.convert_tosa_to_npu._match import Tosa, refuse

_I48 = "i48"


@dataclass(frozen=True)
class ConvertTosaToNpu(Pass):
    convert: bool = option("convert ops; without it, fuse what an earlier run left", default=True)
    fuse: bool = option("fuse rescales; without it, each op stands alone", default=True)

    def run(self, module: ir.Module) -> None:
        found = [function.operation for function in functions(module) if _tosa_ops(function.operation)]
        for function in found if self.convert else ():
            _convert(function)
        if self.fuse and (found or not self.convert):
            apply_patterns(module, *((name, pattern) for file in _files() for name, pattern in getattr(file, "FUSIONS", ())))


@functools.cache
def _files() -> tuple[ModuleType, ...]:
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


@functools.cache
def converters() -> dict[str, Callable[[Tosa], ir.Value]]:
    """TOSA op -> its conversion."""
    return {name: file.convert for file in _files() for name in getattr(file, "OPS", ())}


def _tosa_ops(function: ir.Operation) -> list[ir.Operation]:
    return [view.operation for view in function.regions[0].blocks[0].operations if view.operation.name.startswith("tosa.")]


def _convert(function: ir.Operation) -> None:
    block = function.regions[0].blocks[0]
    for argument in block.arguments:
        argument.set_type(_held(argument.type))
    pending = _tosa_ops(function)
    offer(Rewrite.of(convert, name) for name, convert in converters().items())
    for op in pending:
        convert = converters().get(op.name)
        if convert is None:
            raise refuse(op, "the op belongs to TOSA 1.0, profile PRO-INT", op.name, ", ".join(sorted(converters())))
        at = Tosa(op)
        at.check_types()
        with ir.InsertionPoint(op), op.location:
            value = convert(at)
        fired(Rewrite.of(convert, op.name))
        if value != op.results[0]:
            op.results[0].replace_all_uses_with(value)
    # from the last, so that nothing is read by an op that still stands
    for op in reversed(pending):
        op.erase()
    results = [value.type for value in block.operations[len(block.operations) - 1].operation.operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get([argument.type for argument in block.arguments], results))


def _held(kind: ir.Type) -> ir.Type:
    """The type that holds values of `kind` here: i64 for the 48-bit accumulators."""
    if not isinstance(kind, ir.RankedTensorType) or str(kind.element_type) != _I48:
        return kind
    return ir.RankedTensorType.get(kind.shape, ir.IntegerType.get_signless(64))
