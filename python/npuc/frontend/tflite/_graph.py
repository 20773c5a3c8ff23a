# SPDX-License-Identifier: Apache-2.0
"""What the converters of all operators share: the values made so far, types inside npuc, and TFLite's own integer scales.

Inside, what the file has in uint8 is int8: codes and zero points moved by 128. Constants stay numpy arrays until an op reads them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import build, mlir_type, tensor_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.errors import ImportFailed, UnsupportedOp
from npuc.frontend.tflite._reader import FileGraph, FileOp, FileTensor
from npuc.numerics.rescale import Rescale
from npuc.numerics.tflite import narrow_multiplier, quantize_multiplier
from npuc.ops._checks import RANGES
from npuc.ops.base import NUMPY_DTYPES, OpSpec, TensorType

# uint8 -> int8
SHIFT = 128
# what helps where codes meet real values: nothing is dequantized behind the user's back
QUANTIZE_WHOLE = (
    "quantize weights and activations, by post-training quantization with a representative data set; "
    "dynamic-range and float16 quantization leave the activations in float32"
)

Converter = Callable[["Importer", FileOp], None]


@dataclass(frozen=True)
class Spread:
    """What a convolution reads instead of the blocks of an image: the image, with dilation and padding."""

    value: ir.Value
    block: tuple[int, int]
    pads: tuple[int, int, int, int]


@dataclass
class Importer:
    """The graph of a file on its way to npu ops.

    Attributes:
        values: by index of a tensor, what an op made of it.
        constants: by index of a tensor, its value, in npuc's element types.
        shapes: by index of a tensor that the file leaves open, the shape that its operator gives it.
        spread: results of SPACE_TO_BATCH_ND that are not made, since a dilated convolution reads its input instead.
        gathered: results of such convolutions, which BATCH_TO_SPACE_ND then passes on.
    """

    graph: FileGraph
    values: dict[int, ir.Value] = field(default_factory=dict)
    constants: dict[int, np.ndarray] = field(default_factory=dict)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    spread: "dict[int, Spread]" = field(default_factory=dict)
    gathered: dict[int, ir.Value] = field(default_factory=dict)
    location: ir.Location | None = None
    op: FileOp | None = None

    # tensors -----------------------------------------------------------------------------------

    def file(self, index: int) -> FileTensor:
        """The tensor as the file has it."""
        if index < 0:
            raise self.refuse("an input is left out", found="-1", wanted="a tensor")
        return self.graph.tensors[index]

    def tensor(self, index: int) -> TensorType:
        """Its type inside npuc."""
        one = self.file(index)
        if one.dtype not in NUMPY_DTYPES:
            wanted = "int8, uint8, int16, int32, int64 or float32"
            raise self.refuse("element type of a tensor", found=f"{one.dtype} of '{one.name}'", wanted=wanted, advice=QUANTIZE_WHOLE)
        return TensorType(self.shapes.get(index, one.shape), "i8" if one.dtype == "ui8" else one.dtype)

    def give_shape(self, index: int, shape: tuple[int, ...]) -> None:
        """The shape of a tensor, where the file leaves it open."""
        if self.file(index).is_open:
            self.shapes[index] = shape

    def scale(self, index: int) -> float:
        """The scale of a tensor that is quantized as a whole, a float32 as a Python float."""
        one = self.file(index)
        if len(one.scales) != 1 or one.scales[0] <= 0:
            raise self.refuse("quantization of a tensor", found=f"{len(one.scales)} scales of '{one.name}'", wanted="one scale above 0")
        return one.scales[0]

    def zero_point(self, index: int) -> int:
        """Its zero point inside npuc, 0 where it is not quantized."""
        one = self.file(index)
        found = one.zero_points[0] if one.zero_points else 0
        return found - SHIFT if one.dtype == "ui8" else found

    def constant(self, index: int) -> np.ndarray:
        """The value of a constant, inside npuc.

        Raises:
            UnsupportedOp: it is computed at run time.
        """
        found = self.known(index)
        if found is None:
            raise self.refuse(
                "an operand that must be a constant", found=f"'{self.file(index).name}' is computed at run time", wanted="a constant"
            )
        return found

    def known(self, index: int) -> np.ndarray | None:
        """The value of a constant, None where it is computed."""
        if index in self.constants:
            return self.constants[index]
        data = self.file(index).data
        if data is None:
            return None
        self.constants[index] = (data.astype(np.int16) - SHIFT).astype(np.int8) if data.dtype == np.uint8 else data
        return self.constants[index]

    def value(self, index: int) -> ir.Value:
        """The value of a tensor in MLIR; a constant is written where it is first read."""
        if index not in self.values:
            found = self.known(index)
            # a constant of an element type unknown here has no value either
            self.tensor(index)
            if found is None:
                raise ImportFailed(f"tensor '{self.file(index).name}' is read before it is written", layer=self.layer)
            self.values[index] = build_constant(np.ascontiguousarray(found), loc=ir.Location.name(layer_name(self.file(index).name)))
        return self.values[index]

    # ops ---------------------------------------------------------------------------------------

    @property
    def layer(self) -> str:
        """The model's name of the operator at hand: that of its first output."""
        return layer_name(self.file(self.op.outputs[0]).name) if self.op else ""

    def refuse(self, rule: str, found: object, wanted: object, advice: str = "") -> UnsupportedOp:
        """An operator that cannot be taken as it is."""
        kind = self.op.kind if self.op else "the graph"
        return UnsupportedOp(f"{kind} cannot be imported", layer=self.layer, rule=rule, found=found, wanted=wanted, advice=advice)

    def option(self, name: str, default: Any = None) -> Any:
        """A field of the operator's options; `default` where it has no options."""
        assert self.op is not None
        found = self.op.options.get(name, default)
        if found is None:
            raise ImportFailed(f"{self.op.kind} has no option {name}", layer=self.layer, found=self.op.options_kind or "no options")
        return found

    def emit(
        self, cls: type[OpSpec], operands: Sequence[ir.Value | np.ndarray], output: TensorType | None = None, **params: Any
    ) -> ir.Value:
        """The result of an op; arrays among the operands become constants.

        Raises:
            UnsupportedOp: the op is not well formed.
        """
        values = [build_constant(np.ascontiguousarray(one), loc=self.location) if isinstance(one, np.ndarray) else one for one in operands]
        try:
            spec = cls.of(*(tensor_type(value.type) for value in values), output=output, **params)
            return build(spec, values, loc=self.location)
        except ValueError as error:
            raise self.refuse(f"what npu.{cls.name} takes", found=str(error), wanted="") from error

    def finish(self, value: ir.Value, position: int = 0) -> None:
        """`value` is the operator's output.

        Raises:
            ImportFailed: the file declares another type for it.
        """
        assert self.op is not None
        index = self.op.outputs[position]
        found = tensor_type(value.type)
        self.give_shape(index, found.shape)
        wanted = self.tensor(index)
        if found != wanted:
            raise ImportFailed(f"{self.op.kind} gives {found}, the file says {wanted}", layer=self.layer)
        self.define(index, value)

    def fold(self, array: np.ndarray, position: int = 0) -> None:
        """The operator's output is a constant."""
        assert self.op is not None
        index = self.op.outputs[position]
        self.give_shape(index, np.shape(array))
        wanted = self.tensor(index)
        array = np.asarray(array, NUMPY_DTYPES[wanted.dtype])
        if array.shape != wanted.shape:
            raise ImportFailed(f"{self.op.kind} gives shape {array.shape}, the file says {wanted}", layer=self.layer)
        self.constants[index] = array

    def define(self, index: int, value: ir.Value) -> None:
        """Tensor `index` has this value."""
        if index in self.values or index in self.constants or self.file(index).data is not None:
            raise ImportFailed(f"tensor '{self.file(index).name}' is written twice", layer=self.layer)
        self.values[index] = value

    # scales ------------------------------------------------------------------------------------

    def rescale(
        self, scales: Sequence[float], output: int, double_round: bool, activation: int | None = None, *, wide_sums: bool = False
    ) -> Rescale:
        """A rescale by real factors to the scale of tensor `output`, in TFLite's integers; bounds by a fused activation.

        Sums of 64 bits have short multipliers and one rounding.
        """
        pairs = [self.multiplier(scale) for scale in scales]
        if wide_sums:
            pairs, double_round = [self._narrow(*pair) for pair in pairs], False
        lo, hi = self.bounds(output, activation)
        return Rescale(tuple(m for m, _ in pairs), tuple(s for _, s in pairs), self.zero_point(output), lo, hi, double_round)

    def multiplier(self, scale: float) -> tuple[int, int]:
        """A real factor as (multiplier, shift)."""
        try:
            return quantize_multiplier(scale)
        except ValueError as error:
            raise self.refuse("a scale that a multiplier and a shift express", found=str(error), wanted="") from error

    def _narrow(self, multiplier: int, shift: int) -> tuple[int, int]:
        try:
            return narrow_multiplier(multiplier, shift) if multiplier else (multiplier, shift)
        except ValueError as error:
            raise self.refuse("a scale that a short multiplier and a shift express", found=str(error), wanted="") from error

    def bounds(self, output: int, activation: int | None) -> tuple[int, int]:
        """Least and greatest code of tensor `output` behind a fused activation (its number in the schema)."""
        low, high = RANGES[self.tensor(output).dtype]
        if not activation:
            return low, high
        reals = {1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}.get(activation)
        if reals is None:
            raise self.refuse("fused activation", found=activation, wanted="none, RELU, RELU_N1_TO_1 or RELU6")
        zero_point, scale = self.zero_point(output), np.float32(self.scale(output))
        least, greatest = (None if real is None else zero_point + round_away(np.float32(real) / scale) for real in reals)
        return max(low, least) if least is not None else low, min(high, greatest) if greatest is not None else high


def round_away(value: Any) -> int:
    """The nearest integer, halves away from zero."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def layer_name(name: str) -> str:
    """A converter names a fused layer after all its parts, the last of which is the result's own; the first is the shortest true one."""
    return name.split(";")[0] or "unnamed"


def function_type(tensors: Sequence[TensorType]) -> list[ir.Type]:
    """MLIR's types of arguments or results."""
    return [mlir_type(tensor) for tensor in tensors]
