# SPDX-License-Identifier: Apache-2.0
"""Writes small .tflite files, and runs them by LiteRT's reference kernels.

    x = Tensor((1, 4, 4, 8), "INT8", 0.1, 3)
    data = network([Op("LOGISTIC", (x,), (y,))], inputs=(x,), outputs=(y,))
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

DTYPES = {
    "INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FLOAT16": np.float16, "FLOAT32": np.float32,
    "BOOL": np.bool_,
}  # fmt: skip


@dataclass(eq=False)
class Tensor:
    """A tensor of a network; constant where it has a value. Scales and zero points: one, or one for each index of `axis`.

    `signature` is what is known of the shape beforehand, -1 where nothing is.
    """

    shape: tuple[int, ...]
    dtype: str = "INT8"
    scale: Any = None
    zero_point: Any = 0
    value: np.ndarray | None = None
    axis: int = 0
    name: str = ""
    signature: tuple[int, ...] | None = None
    variable: bool = False

    @classmethod
    def constant(cls, value: Any, dtype: str, scale: Any = None, zero_point: Any = 0, axis: int = 0) -> "Tensor":
        array = np.asarray(value, DTYPES[dtype])
        return cls(array.shape, dtype, scale, zero_point, array, axis)


@dataclass(eq=False)
class Op:
    """An operator: its kind, tensors (None: left out), the name of its options table and the fields to set in it."""

    kind: str
    inputs: Sequence[Tensor | None]
    outputs: Sequence[Tensor]
    options: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    intermediates: Sequence[Tensor] = ()


def network(ops: Sequence[Op], inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bytes:
    """The bytes of a file with one subgraph."""
    b = flatbuffers.Builder(1024)
    tensors: list[Tensor] = []
    for one in (*inputs, *(t for op in ops for t in (*op.inputs, *op.outputs, *op.intermediates))):
        if one is not None and one not in tensors:
            tensors.append(one)
    number = {id(one): i for i, one in enumerate(tensors)}
    buffers, written = [_buffer(b, None)], []
    for one in tensors:
        if one.value is not None:
            buffers.append(_buffer(b, one.value))
        written.append(_tensor(b, one, len(buffers) - 1 if one.value is not None else 0, one.name or f"t{number[id(one)]}"))
    kinds = list(dict.fromkeys((op.kind, op.version) for op in ops))
    codes = [_operator_code(b, *kind) for kind in kinds]
    operators = [_operator(b, op, kinds.index((op.kind, op.version)), number) for op in ops]
    lists = [
        _offsets(b, written), _ints(b, [number[id(t)] for t in inputs]), _ints(b, [number[id(t)] for t in outputs]), _offsets(b, operators),
    ]  # fmt: skip
    name = b.CreateString("main")
    tflite.SubGraphStart(b)
    for add, value in zip((tflite.SubGraphAddTensors, tflite.SubGraphAddInputs, tflite.SubGraphAddOutputs, tflite.SubGraphAddOperators), lists, strict=True):
        add(b, value)
    tflite.SubGraphAddName(b, name)
    graphs = _offsets(b, [tflite.SubGraphEnd(b)])
    codes, buffers = _offsets(b, codes), _offsets(b, buffers)
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, codes)
    tflite.ModelAddSubgraphs(b, graphs)
    tflite.ModelAddBuffers(b, buffers)
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    return bytes(b.Output())


def _buffer(b: Any, value: np.ndarray | None) -> int:
    data = None if value is None else b.CreateByteVector(np.ascontiguousarray(value).tobytes())
    tflite.BufferStart(b)
    if data is not None:
        tflite.BufferAddData(b, data)
    return tflite.BufferEnd(b)


def _tensor(b: Any, one: Tensor, buffer: int, name: str) -> int:
    text, shape = b.CreateString(name), _ints(b, one.shape)
    signature = None if one.signature is None else _ints(b, one.signature)
    quantization = None
    if one.scale is not None:
        scales, zeros = np.atleast_1d(np.float32(one.scale)), np.atleast_1d(np.int64(one.zero_point))
        scale, zero = b.CreateNumpyVector(scales), b.CreateNumpyVector(np.broadcast_to(zeros, scales.shape).copy())
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero)
        tflite.QuantizationParametersAddQuantizedDimension(b, one.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, getattr(tflite.TensorType, one.dtype))
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, text)
    if one.variable:
        tflite.TensorAddIsVariable(b, True)
    if signature is not None:
        tflite.TensorAddShapeSignature(b, signature)
    if quantization is not None:
        tflite.TensorAddQuantization(b, quantization)
    return tflite.TensorEnd(b)


def _operator_code(b: Any, kind: str, version: int) -> int:
    code = getattr(tflite.BuiltinOperator, kind)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
    tflite.OperatorCodeAddBuiltinCode(b, code)
    tflite.OperatorCodeAddVersion(b, version)
    return tflite.OperatorCodeEnd(b)


def _operator(b: Any, op: Op, code: int, number: dict[int, int]) -> int:
    inputs = _ints(b, [-1 if t is None else number[id(t)] for t in op.inputs])
    outputs = _ints(b, [number[id(t)] for t in op.outputs])
    intermediates = _ints(b, [number[id(t)] for t in op.intermediates]) if op.intermediates else None
    options = None
    if op.options:
        values = {key: _ints(b, value) if isinstance(value, (list, tuple)) else value for key, value in op.fields.items()}
        getattr(tflite, f"{op.options}Start")(b)
        for key, value in values.items():
            getattr(tflite, f"{op.options}Add{key}")(b, value)
        options = getattr(tflite, f"{op.options}End")(b)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if intermediates is not None:
        tflite.OperatorAddIntermediates(b, intermediates)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, op.options))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def _ints(b: Any, values: Sequence[int]) -> int:
    return b.CreateNumpyVector(np.array(values, np.int32))


def _offsets(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return b.EndVector()


class Oracle:
    """LiteRT's reference kernels (BUILTIN_REF) on the bytes of a file, or those of another resolver."""

    def __init__(self, data: bytes, keep: bool = False, resolver: str = "BUILTIN_REF"):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            model_content=data, experimental_op_resolver_type=OpResolverType[resolver], experimental_preserve_all_tensors=keep
        )
        self._interpreter.allocate_tensors()
        self.inputs = [(tuple(d["shape"]), d["dtype"]) for d in self._interpreter.get_input_details()]

    def run(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """The outputs, in order."""
        for detail, array in zip(self._interpreter.get_input_details(), arrays, strict=True):
            self._interpreter.set_tensor(detail["index"], array.reshape(detail["shape"]).astype(detail["dtype"]))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._interpreter.get_output_details()]

    def tensor(self, index: int) -> np.ndarray:
        """An intermediate value, where `keep` was set."""
        return self._interpreter.get_tensor(index)

    def random_inputs(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Every value of the dtype; floats as pixels have them."""
        arrays = []
        for shape, dtype in self.inputs:
            if dtype == np.bool_:
                arrays.append(rng.integers(0, 2, shape).astype(dtype))
            elif np.issubdtype(dtype, np.integer):
                info = np.iinfo(dtype)
                arrays.append(rng.integers(info.min, info.max + 1, shape).astype(dtype))
            else:
                arrays.append(rng.uniform(-1, 1, shape).astype(dtype))
        return arrays
