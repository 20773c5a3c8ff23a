# SPDX-License-Identifier: Apache-2.0
"""TFLite's front door: a .tflite file becomes npu ops, one converter an operator. Needs the `tflite` schema package, nothing else.

    bytes ─ _reader.py ─▶ FileGraph ─ one family of operators a file ─▶ npu ops

Values are those of LiteRT's reference kernels (`BUILTIN_REF`), to the bit. The model's own types stay at the program's edge; inside,
uint8 is int8 moved by 128. Ops are named after the tensors they write. The files of this folder without a leading underscore hold the
converters, `CONVERTERS = {"CONV_2D": ...}`; adding an operator is adding an entry. Those of `_floats.py` come first where a result is float32.
"""

import functools
import importlib
import pkgutil
from dataclasses import dataclass, replace

from torch_mlir import ir

from npuc import dialects
from npuc.errors import ImportFailed, UnsupportedOp
from npuc.frontend.tflite import _floats, _folds
from npuc.frontend.tflite._graph import SHIFT, Converter, Importer, function_type, layer_name
from npuc.frontend.tflite._reader import FileGraph, FileOp, read_file
from npuc.numerics.rescale import Rescale
from npuc.ops._elementwise import UNIT_SCALE
from npuc.ops.base import TensorType
from npuc.ops.rescale import Rescale as RescaleOp

# what an operator with other operands or options than its kind has makes a converter raise
_MALFORMED = (ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class Signature:
    """Names of the program's ports."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@functools.cache
def converters() -> dict[str, Converter]:
    """Kind of operator -> its converter."""
    found: dict[str, Converter] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        if not info.name.startswith("_"):
            found |= importlib.import_module(f"{__name__}.{info.name}").CONVERTERS
    return found


def import_tflite(data: bytes, context: ir.Context) -> tuple[ir.Module, Signature]:
    """The module of npu ops in the bytes of a .tflite file, and the names of its inputs and outputs.

    Raises:
        ImportFailed: the file is damaged, or the `tflite` package is missing.
        UnsupportedOp: an operator, or a use of one, that is not known here.
    """
    try:
        importlib.import_module("tflite")
    except ImportError as error:
        raise ImportFailed("reading a .tflite file needs the package 'tflite'", advice="pip install 'npuc[tflite]'") from error
    graph = read_file(data)
    dialects.load(context)
    with context, ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            _function(graph)
    return module, Signature(_names(graph, graph.inputs), _names(graph, graph.outputs))


def _names(graph: FileGraph, indices: tuple[int, ...]) -> tuple[str, ...]:
    """Names of tensors, made different where the file repeats one."""
    names: list[str] = []
    for index in indices:
        name = graph.tensors[index].name or f"tensor_{index}"
        names.append(name if name not in names else f"{name}#{len(names)}")
    return tuple(names)


def _function(graph: FileGraph) -> None:
    importer = Importer(graph)
    arguments = []
    for index in graph.inputs:
        dtype = importer.tensor(index).dtype
        arguments.append(TensorType(graph.tensors[index].shape, "ui8" if graph.tensors[index].dtype == "ui8" else dtype))
    function = ir.Operation.create(
        "func.func", regions=1,
        attributes={
            "sym_name": ir.StringAttr.get("main"),
            "function_type": ir.TypeAttr.get(ir.FunctionType.get(function_type(arguments), [])),
        },
    )  # fmt: skip
    block = function.regions[0].blocks.append(*function_type(arguments))
    with ir.InsertionPoint(block):
        for index, argument in zip(graph.inputs, block.arguments, strict=True):
            importer.location = ir.Location.name(layer_name(graph.tensors[index].name))
            importer.define(index, _moved(importer, argument, -SHIFT) if graph.tensors[index].dtype == "ui8" else argument)
        _operators(importer)
        results = [_result(importer, index) for index in graph.outputs]
        ir.Operation.create("func.return", operands=results)
    kinds = ir.FunctionType.get([one.type for one in block.arguments], [one.type for one in results])
    function.attributes["function_type"] = ir.TypeAttr.get(kinds)


def _operators(importer: Importer) -> None:
    known = converters()
    for op in importer.graph.ops:
        importer.op = op
        importer.location = ir.Location.name(importer.layer)
        try:
            _operator(importer, op, known)
        except _MALFORMED as error:
            message = f"the operator {op.kind} is not well formed"
            raise ImportFailed(
                message, layer=importer.layer, found=f"{len(op.inputs)} inputs, {len(op.outputs)} outputs: {error}"
            ) from error
    importer.op = None


def _operator(importer: Importer, op: FileOp, known: dict[str, Converter]) -> None:
    if _folds.fold(importer, op):
        return
    real = bool(op.outputs) and importer.file(op.outputs[0]).dtype == "f32"
    convert = _floats.CONVERTERS.get(op.kind, known.get(op.kind)) if real else known.get(op.kind)
    if convert is None:
        raise UnsupportedOp(
            f"the operator {op.kind} is not supported", layer=importer.layer, rule="kind of operator", found=op.kind, wanted=", ".join(sorted(known))
        )  # fmt: skip
    convert(importer, op)


def _result(importer: Importer, index: int) -> ir.Value:
    importer.location = ir.Location.name(layer_name(importer.file(index).name))
    value = importer.value(index)
    return _moved(importer, value, SHIFT) if importer.file(index).dtype == "ui8" else value


def _moved(importer: Importer, value: ir.Value, by: int) -> ir.Value:
    """The codes of `value` plus `by`: uint8 to int8 or back."""
    shape = tuple(ir.RankedTensorType(value.type).shape)
    same = Rescale(UNIT_SCALE[:1], UNIT_SCALE[1:])
    if by < 0:
        return importer.emit(RescaleOp, [value], TensorType(shape, "i8"), zp_x=-by, rescale=same)
    return importer.emit(RescaleOp, [value], TensorType(shape, "ui8"), rescale=replace(same, zp_out=by, lo=0, hi=255))
