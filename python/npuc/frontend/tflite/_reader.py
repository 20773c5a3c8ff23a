# SPDX-License-Identifier: Apache-2.0
"""A .tflite file as plain values; all access to the flatbuffer is here. Nothing in the file is trusted.

A flatbuffer is offsets into itself, so a damaged one may send a reader anywhere within its bytes, or out of them. Reads out of bounds
raise; counts, shapes and sizes are held against limits before anything is allocated; data of constants is a view of the file.
"""

import functools
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from npuc.errors import ImportFailed

# the file's element types that an op here may have, by their names in MLIR
DTYPES = {
    "FLOAT32": "f32", "INT32": "i32", "UINT8": "ui8", "INT64": "i64", "BOOL": "i1", "INT16": "i16", "INT8": "i8", "FLOAT64": "f64",
}  # fmt: skip
NUMPY = {"f32": "<f4", "i32": "<i4", "ui8": "u1", "i64": "<i8", "i1": "?", "i16": "<i2", "i8": "i1", "f64": "<f8"}

_MAX_TENSORS = 1 << 16
_MAX_OPERANDS = 1 << 10
_MAX_RANK = 8
_MAX_EXTENT = 1 << 24
_MAX_BYTES = 1 << 32
_MAX_NAME = 1 << 12

# what an unsound flatbuffer makes its reader raise
_DAMAGE = (struct.error, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeDecodeError, MemoryError)


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor of the file.

    Attributes:
        dtype: MLIR's name; the file's own in capitals where no op here has it.
        scales, zero_points: of equal length; empty where the tensor is not quantized.
        axis: the dimension that several scales go along.
        data: the value of a constant, in the file's own element type, or None.
        is_open: some extents are known at run time alone; `shape` has them as 1, or as the converter guessed.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    data: np.ndarray | None
    is_open: bool = False


@dataclass(frozen=True)
class FileOp:
    """An operator of the file.

    Attributes:
        kind: the schema's name, or the custom op's.
        inputs, outputs: indices of tensors; -1 is an input left out.
        options: the fields of its options table by the schema's names; empty where there is none.
        options_kind: the name of that table.
        custom: the bytes of a custom op's options.
        intermediates: indices of tensors that only say how values inside the operator are quantized.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]
    options_kind: str
    custom: bytes = b""
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True)
class FileGraph:
    """The one subgraph of a file."""

    tensors: tuple[FileTensor, ...]
    ops: tuple[FileOp, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_file(data: bytes) -> FileGraph:
    """The graph in the bytes of a .tflite file.

    Raises:
        ImportFailed: no such file, a damaged one, or more than one subgraph.
    """
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise ImportFailed("this is no TFLite file", found=data[4:8], wanted="the identifier TFL3 at byte 4")
    try:
        return _graph(data)
    except ImportFailed:
        raise
    except _DAMAGE as error:
        raise ImportFailed(f"the TFLite file is damaged: {type(error).__name__}: {error}") from error


def _graph(data: bytes) -> FileGraph:
    import tflite

    model = tflite.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1:
        raise ImportFailed("the TFLite file has several subgraphs", found=model.SubgraphsLength(), wanted="1: no control flow")
    graph = model.Subgraphs(0)
    count = _count(graph.TensorsLength(), _MAX_TENSORS, "tensors")
    buffers = _count(model.BuffersLength(), _MAX_TENSORS, "buffers")
    tensors = tuple(_tensor(model, graph.Tensors(i), buffers) for i in range(count))
    codes = [_kind(model.OperatorCodes(i)) for i in range(_count(model.OperatorCodesLength(), _MAX_TENSORS, "operator codes"))]
    ops = tuple(_op(graph.Operators(i), codes, count) for i in range(_count(graph.OperatorsLength(), _MAX_TENSORS, "operators")))
    inputs = _indices(graph, "Inputs", count, "inputs of the graph")
    outputs = _indices(graph, "Outputs", count, "outputs of the graph")
    if min((*inputs, *outputs), default=0) < 0 or not outputs:
        raise ImportFailed("the graph has no outputs, or leaves one out", found=f"{inputs} -> {outputs}")
    return FileGraph(tensors, ops, inputs, outputs)


def _count(found: int, limit: int, what: str) -> int:
    if not 0 <= found <= limit:
        raise ImportFailed(f"the TFLite file has {found} {what}", wanted=f"at most {limit}")
    return found


def _indices(table: Any, name: str, count: int, what: str) -> tuple[int, ...]:
    length = _count(getattr(table, f"{name}Length")(), _MAX_OPERANDS, what)
    read = getattr(table, name)
    found = tuple(int(read(i)) for i in range(length))
    for index in found:
        if not -1 <= index < count:
            raise ImportFailed(f"{what} name a tensor that is not there", found=index, wanted=f"0..{count - 1}")
    return found


def _text(raw: bytes | None) -> str:
    return (raw or b"")[:_MAX_NAME].decode("utf-8", "replace")


# tensors -------------------------------------------------------------------------------------------


def _tensor(model: Any, tensor: Any, buffers: int) -> FileTensor:
    if tensor is None:
        raise ImportFailed("a tensor of the TFLite file is missing")
    name = _text(tensor.Name())
    dtype = _dtype_names().get(tensor.Type())
    if dtype is None:
        raise ImportFailed(f"tensor '{name}' has an unknown element type", found=tensor.Type())
    dtype = DTYPES.get(dtype, dtype)
    shape = _shape(tensor, name, dtype)
    if tensor.Sparsity() is not None:
        raise ImportFailed(f"tensor '{name}' is sparse", wanted="dense constants", advice="densify the model before it is converted")
    scales, zero_points, axis = _quantization(tensor.Quantization(), name, dtype, shape)
    signature = _count(tensor.ShapeSignatureLength(), _MAX_RANK, f"dimensions in the signature of tensor '{name}'")
    is_open = any(tensor.ShapeSignature(i) == -1 for i in range(signature))
    return FileTensor(name, dtype, shape, scales, zero_points, axis, _data(model, tensor, name, dtype, shape, buffers), is_open)


@functools.cache
def _dtype_names() -> dict[int, str]:
    import tflite

    return {value: name for name, value in vars(tflite.TensorType).items() if isinstance(value, int)}


def _shape(tensor: Any, name: str, dtype: str) -> tuple[int, ...]:
    rank = _count(tensor.ShapeLength(), _MAX_RANK, f"dimensions in tensor '{name}'")
    extents = [int(tensor.Shape(i)) for i in range(rank)]
    # the batch is left open by some converters: one image at a time
    if extents and extents[0] == -1:
        extents[0] = 1
    for extent in extents:
        if not 0 <= extent <= _MAX_EXTENT:
            raise ImportFailed(f"tensor '{name}' has an extent of {extent}", found=extents, wanted=f"0..{_MAX_EXTENT}, all known")
    size = np.dtype(NUMPY[dtype]).itemsize if dtype in NUMPY else 1
    if math.prod(extents) * size > _MAX_BYTES:
        raise ImportFailed(f"tensor '{name}' is too large", found=extents, wanted=f"at most {_MAX_BYTES} bytes")
    return tuple(extents)


def _quantization(table: Any, name: str, dtype: str, shape: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if table is None or table.ScaleLength() == 0 or dtype not in ("i8", "ui8", "i16", "i32", "i64"):
        return (), (), 0
    count, axis = table.ScaleLength(), table.QuantizedDimension()
    if count > 1 and not (0 <= axis < len(shape) and shape[axis] == count):
        raise ImportFailed(
            f"tensor '{name}' has {count} scales along dimension {axis}", found=shape, wanted="as many as the dimension has positions"
        )
    scales = _numbers(table.ScaleAsNumpy(), count)
    zeros = table.ZeroPointLength()
    if zeros not in (0, 1, count):
        raise ImportFailed(f"tensor '{name}' has {zeros} zero points and {count} scales", wanted="as many")
    zero_points = np.broadcast_to(_numbers(table.ZeroPointAsNumpy(), zeros) if zeros else np.zeros(1, np.int64), count)
    if not (np.isfinite(scales) & (scales >= 0)).all():
        raise ImportFailed(f"tensor '{name}' has a bad scale", found=tuple(scales[:4].tolist()), wanted="finite and at least 0")
    bounds = np.iinfo(NUMPY[dtype])
    if zero_points.min() < bounds.min or zero_points.max() > bounds.max:
        raise ImportFailed(f"tensor '{name}' has a bad zero point", found=tuple(zero_points[:4].tolist()), wanted=f"{bounds.min}..{bounds.max}")
    return tuple(scales.tolist()), tuple(zero_points.tolist()), axis


def _numbers(array: Any, count: int) -> np.ndarray:
    if not isinstance(array, np.ndarray) or len(array) != count:
        raise ImportFailed("a vector of the TFLite file is cut short", wanted=f"{count} entries")
    return array


def _data(model: Any, tensor: Any, name: str, dtype: str, shape: tuple[int, ...], buffers: int) -> np.ndarray | None:
    index = tensor.Buffer()
    if not 0 <= index < max(buffers, 1):
        raise ImportFailed(f"tensor '{name}' names a buffer that is not there", found=index, wanted=f"0..{buffers - 1}")
    buffer = model.Buffers(index) if index < buffers else None
    if buffer is None or tensor.IsVariable():
        return None
    if buffer.Offset() > 1:
        raise ImportFailed(f"tensor '{name}' lies behind the flatbuffer", wanted="a model below 2 GiB, with its constants inside")
    length = buffer.DataLength()
    if length == 0 or dtype not in NUMPY:
        return None
    wanted = math.prod(shape) * np.dtype(NUMPY[dtype]).itemsize
    if length != wanted:
        raise ImportFailed(f"the value of tensor '{name}' has {length} bytes", wanted=f"{wanted} for {'x'.join(map(str, shape))}x{dtype}")
    return _numbers(buffer.DataAsNumpy(), length).view(NUMPY[dtype]).reshape(shape)


# operators -----------------------------------------------------------------------------------------


@functools.cache
def _op_names() -> dict[int, str]:
    import tflite

    return {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}


@functools.cache
def _options_names() -> dict[int, str]:
    import tflite

    return {value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)}


def _kind(code: Any) -> str:
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _op_names().get(number, f"operator {number}")
    return f"CUSTOM {_text(code.CustomCode())}" if name == "CUSTOM" else name


def _op(op: Any, codes: list[str], tensors: int) -> FileOp:
    index = op.OpcodeIndex()
    if not 0 <= index < len(codes):
        raise ImportFailed("an operator is of a kind that is not there", found=index, wanted=f"0..{len(codes) - 1}")
    inputs = _indices(op, "Inputs", tensors, f"inputs of {codes[index]}")
    outputs = _indices(op, "Outputs", tensors, f"outputs of {codes[index]}")
    if min(outputs, default=-1) < 0:
        raise ImportFailed(f"an operator {codes[index]} has no output", found=outputs)
    intermediates = _indices(op, "Intermediates", tensors, f"intermediates of {codes[index]}")
    if min(intermediates, default=0) < 0:
        raise ImportFailed(f"an operator {codes[index]} leaves an intermediate out", found=intermediates)
    name = _options_names().get(op.BuiltinOptionsType(), "")
    custom = op.CustomOptionsAsNumpy() if op.CustomOptionsLength() else b""
    return FileOp(codes[index], inputs, outputs, _options(name, op.BuiltinOptions()), name, bytes(custom), intermediates)


def _options(name: str, table: Any) -> dict[str, Any]:
    import tflite

    if table is None or name in ("", "NONE"):
        return {}
    one = getattr(tflite, name)()
    one.Init(table.Bytes, table.Pos)
    found = {}
    for field in _option_fields(name):
        value = getattr(one, field)()
        key = field.removesuffix("AsNumpy")
        # a vector that is empty is read as 0
        found[key] = tuple(value.tolist()) if isinstance(value, np.ndarray) else () if key != field else value
    return found


@functools.cache
def _option_fields(name: str) -> tuple[str, ...]:
    """The methods of an options table that read a field: those without an argument."""
    import tflite

    methods = {key: value for key, value in vars(getattr(tflite, name)).items() if not key.startswith("_") and callable(value)}
    plain = [key for key, value in methods.items() if hasattr(value, "__code__") and value.__code__.co_argcount == 1]
    return tuple(key for key in plain if not key.endswith(("Length", "IsNone")))
