# SPDX-License-Identifier: Apache-2.0
"""Layers with a state: UNIDIRECTIONAL_SEQUENCE_LSTM, all steps one after the other, and SVDF.

A program has no memory: every run begins as LiteRT's first does once its variable tensors are reset, all of them standing for 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch_mlir import ir

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite.convolutions import bias_of, check_types
from npuc.numerics.fixed_point import logistic_table, tanh_table
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import RANGES
from npuc.ops._elementwise import UNIT_SCALE
from npuc.ops.add import Add
from npuc.ops.base import TensorType
from npuc.ops.concat import Concat
from npuc.ops.conv2d import Conv2d
from npuc.ops.fully_connected import FullyConnected
from npuc.ops.mul import Mul
from npuc.ops.reshape import Reshape
from npuc.ops.slice import Slice
from npuc.ops.sub import Sub
from npuc.ops.table import Table

_WIDE = RANGES["i16"]
_TANH = 4
_MOST_STEPS = 512
# operands of the LSTM: weights of input, forget, cell and output gate
_INPUT, _FROM_INPUT, _FROM_STATE, _PEEPHOLES, _BIASES = 0, range(1, 5), range(5, 9), range(9, 12), range(12, 16)
_PROJECTION, _STATE, _CELL, _NORMS = range(16, 18), 18, 19, range(20, 24)
# codes per unit of what goes into a gate
_GATE_SCALE = 2.0**-12


def _full(scale: tuple[int, int] = UNIT_SCALE, lo: int = _WIDE[0], hi: int = _WIDE[1]) -> Rescale:
    """To 16 bits, rounded twice."""
    return Rescale(scale[:1], scale[1:], 0, lo, hi, True)


def _divided(bits: int) -> Rescale:
    """By a power of two, halves away from zero: a multiplier just below 1 leaves room for what double rounding adds."""
    return _full(((1 << 31) - 1, 31 + bits))


@dataclass(frozen=True)
class _Lstm:
    """One LSTM on its way to ops.

    Attributes:
        batch, steps, depth: of the input.
        cell_bits: integer bits of the cell's state.
    """

    g: Importer
    op: FileOp
    batch: int
    steps: int
    cells: int
    time_major: bool
    cell_bits: int
    clip: int

    def given(self, position: int) -> bool:
        return len(self.op.inputs) > position and self.op.inputs[position] >= 0

    def inputs_of(self, gate: int) -> ir.Value:
        """i16 [rows, cells]: what the inputs of all steps give to a gate, its bias included."""
        g, op = self.g, self.op
        x, w = op.inputs[_INPUT], op.inputs[_FROM_INPUT[gate]]
        weights = self._weights(w)
        rows = self.batch * self.steps
        value = g.emit(Reshape, [g.value(x)], TensorType((rows, weights.shape[1]), "i8"))
        scale = g.multiplier(float(np.float32(g.scale(w)) * np.float32(g.scale(x)) / np.float32(_GATE_SCALE)))
        bias = _bias(g, op.inputs[_BIASES[gate]] if self.given(_BIASES[gate]) else -1, self.cells)
        return g.emit(
            FullyConnected, [value, weights, bias], TensorType((rows, self.cells), "i16"), zp_x=g.zero_point(x), rescale=_full(scale)
        )

    def _weights(self, index: int) -> np.ndarray:
        check_types(self.g, index)
        weights = self.g.constant(index)
        if weights.ndim != 2 or weights.shape[0] != self.cells:
            raise self.g.refuse("shape of the weights", found=weights.shape, wanted=f"{self.cells} rows")
        return weights

    def step_of(self, value: ir.Value, step: int) -> ir.Value:
        """The rows of one step."""
        shape = (self.steps, self.batch, self.cells) if self.time_major else (self.batch, self.steps, self.cells)
        axis = 0 if self.time_major else 1
        starts, sizes = [0, 0, 0], list(shape)
        starts[axis], sizes[axis] = step, 1
        whole = self.g.emit(Reshape, [value], TensorType(shape, "i16"))
        part = self.g.emit(Slice, [whole], starts=tuple(starts), sizes=tuple(sizes), strides=(1, 1, 1))
        return self.g.emit(Reshape, [part], TensorType((self.batch, self.cells), "i16"))

    def gate(self, number: int, from_input: ir.Value, state: ir.Value | np.ndarray, table: np.ndarray) -> ir.Value:
        """A function of the sum of both products: the second is rescaled and added in one."""
        g, op = self.g, self.op
        w = op.inputs[_FROM_STATE[number]]
        weights = self._weights(w)
        scale = g.multiplier(float(np.float32(g.scale(w)) * np.float32(g.scale(op.inputs[_STATE])) / np.float32(_GATE_SCALE)))
        sums = g.emit(
            FullyConnected, [state, weights, np.zeros(self.cells, np.int32)], TensorType((self.batch, self.cells), "i32"),
            zp_x=g.zero_point(op.inputs[_STATE]),
        )  # fmt: skip
        total = g.emit(Add, [sums, from_input], TensorType((), "i16"), scale_a=scale, rescale=_full())
        return g.emit(Table, [total, table])

    def step(self, gates: dict[int, ir.Value], state: ir.Value | np.ndarray, cell: ir.Value | np.ndarray) -> tuple[ir.Value, ir.Value]:
        """State and cell behind one step."""
        g = self.g
        forget = self.gate(1, gates[1], state, logistic_table())
        update = self.gate(2, gates[2], state, tanh_table(3))
        if 0 in gates:
            enter = self.gate(0, gates[0], state, logistic_table())
        else:
            ones = np.full((1, 1), _WIDE[1], np.int16)
            enter = g.emit(Sub, [ones, forget], TensorType((), "i16"), rescale=_full())
        leave = self.gate(3, gates[3], state, logistic_table())
        kept = g.emit(Mul, [cell, forget], TensorType((), "i16"), rescale=_divided(15))
        # the product has 30 fractional bits, the cell 15 less its integer bits
        added = g.emit(Mul, [enter, update], TensorType((), "i16"), rescale=_divided(15 + self.cell_bits))
        bounds = (-self.clip, self.clip) if self.clip > 0 else _WIDE
        cell = g.emit(Add, [kept, added], TensorType((), "i16"), rescale=_full(UNIT_SCALE, *bounds))
        shown = g.emit(Table, [cell, tanh_table(self.cell_bits)])
        hidden = g.file(self.op.intermediates[4])
        scale = g.multiplier(2.0**-30 / hidden.scales[0])
        rescale = Rescale(scale[:1], scale[1:], hidden.zero_points[0], *RANGES["i8"], True)
        return g.emit(Mul, [leave, shown], TensorType((), "i8"), rescale=rescale), cell


def _bias(g: Importer, index: int, channels: int) -> np.ndarray:
    if index < 0:
        return np.zeros(channels, np.int32)
    found = g.constant(index)
    if found.dtype != np.int32 or found.shape != (channels,):
        raise g.refuse("the bias", found=f"{found.dtype} {found.shape}", wanted=f"int32 ({channels},)")
    return found


def lstm(g: Importer, op: FileOp) -> None:
    """int8 with a 16-bit cell. Peepholes, projections and normalized layers are refused."""
    for rule, positions in (("peepholes", _PEEPHOLES), ("projection", _PROJECTION), ("layer normalization", _NORMS)):
        if any(len(op.inputs) > i and op.inputs[i] >= 0 for i in positions):
            raise g.refuse(f"{rule} of an LSTM", found="given", wanted="left out")
    x, y, state, cell = op.inputs[_INPUT], op.outputs[0], op.inputs[_STATE], op.inputs[_CELL]
    check_types(g, x, y, state)
    check_types(g, cell, dtypes=("i16",))
    if g.option("FusedActivationFunction", _TANH) != _TANH or len(op.intermediates) != 5:
        found = g.option("FusedActivationFunction", _TANH), len(op.intermediates)
        raise g.refuse("activation and intermediate tensors of an LSTM", found=found, wanted="TANH, and 5")
    mantissa, exponent = math.frexp(g.scale(cell))
    if mantissa != 0.5 or not 0 <= exponent - 1 + 15 <= 6:
        raise g.refuse("scale of an LSTM's cell", found=g.scale(cell), wanted="a power of two, 2**-15..2**-9")
    hidden = g.file(op.intermediates[4])
    if len(hidden.scales) != 1 or hidden.scales[0] <= 0 or (hidden.scales[0], hidden.zero_points[0]) != (g.scale(y), g.zero_point(y)):
        raise g.refuse("quantization of an LSTM's hidden values", found=(hidden.scales, hidden.zero_points), wanted="that of the result")
    shape, major = g.tensor(x).shape, bool(g.option("TimeMajor", False))
    cells = g.tensor(op.inputs[_FROM_STATE[1]]).shape[0]
    if len(shape) != 3 or g.tensor(state).elements != (shape[1] if major else shape[0]) * cells:
        raise g.refuse("shape of an LSTM's input and state", found=(shape, g.tensor(state)), wanted="three dimensions, a value a cell")
    steps, batch = (shape[0], shape[1]) if major else (shape[1], shape[0])
    if not 1 <= steps <= _MOST_STEPS:
        raise g.refuse("steps of an LSTM, which are written out one by one", found=steps, wanted=f"1..{_MOST_STEPS}")
    clip = int(min(float(np.float32(g.option("CellClip", 0.0)) / np.float32(g.scale(cell))), _WIDE[1]))
    one = _Lstm(g, op, batch, steps, cells, major, exponent - 1 + 15, clip)
    gates = {number: one.inputs_of(number) for number in range(4) if number or one.given(_FROM_INPUT[0])}
    h: ir.Value | np.ndarray = np.full((batch, cells), g.zero_point(state), np.int8)
    c: ir.Value | np.ndarray = np.zeros((batch, cells), np.int16)
    results = []
    for step in range(steps):
        h, c = one.step({number: one.step_of(value, step) for number, value in gates.items()}, h, c)
        results.append(g.emit(Reshape, [h], TensorType((1, batch, cells) if major else (batch, 1, cells), "i8")))
    g.finish(results[0] if steps == 1 else g.emit(Concat, results, axis=0 if major else 1))


def svdf(g: Importer, op: FileOp) -> None:
    """Two products: features into 16 bits, then each unit's filters in the newest column of time, the only one that is not 0 yet.

    Weights of time have 16 bits and go through the array in two parts, w = 256 * high + low.
    """
    x, features, time, _, state = op.inputs[:5]
    y = op.outputs[0]
    check_types(g, x, features, y)
    check_types(g, time, state, dtypes=("i16",))
    rank, filters = g.option("Rank"), g.tensor(features).shape[0]
    column = g.constant(time)
    if len(g.tensor(x).shape) != 2 or rank < 1 or filters % rank or column.ndim != 2 or column.shape[0] != filters:
        raise g.refuse("shapes of an SVDF", found=(g.tensor(x), filters, rank, column.shape), wanted="two dimensions, a rank that divides the filters")
    batch, units = g.tensor(x).shape[0], filters // rank
    inner = np.float32(g.scale(x)) * np.float32(g.scale(features)) / np.float32(g.scale(state))
    outer = np.float32(g.scale(state)) * np.float32(g.scale(time)) / np.float32(g.scale(y))
    values = g.emit(
        FullyConnected, [g.value(x), g.constant(features), np.zeros(filters, np.int32)], TensorType((batch, filters), "i16"),
        zp_x=g.zero_point(x), rescale=_full(g.multiplier(float(inner))),
    )  # fmt: skip
    values = g.emit(Reshape, [values], TensorType((batch, 1, 1, filters), "i16"))
    newest = column[:, -1].astype(np.int64).reshape(units, 1, 1, rank)
    low = ((newest + 128) & 255) - 128
    bias = bias_of(g, op, 3, units)
    # the high part reaches 128 where the weight is near its greatest: then it is moved by a zero point
    high = (newest - low) >> 8
    moved = int(high.max() > RANGES["i8"][1])
    if high.min() - moved < RANGES["i8"][0]:
        raise g.refuse("weights of an SVDF's time", found=f"{newest.min()}..{newest.max()}", wanted="no full range in 16 bits")
    parts = [
        g.emit(Conv2d, [values, part.astype(np.int8), offset], TensorType((), "i32"), groups=units, zp_w=zero)
        for part, offset, zero in ((high - moved, np.zeros(units, np.int32), -moved), (low, bias, 0))
    ]
    lo, hi = g.bounds(y, None)
    scale = g.multiplier(float(outer))
    total = g.emit(
        Add, parts, TensorType((), "i8"), scale_a=(UNIT_SCALE[0], UNIT_SCALE[1] - 8), rescale=Rescale(scale[:1], scale[1:], g.zero_point(y), lo, hi, True)
    )
    g.finish(g.emit(Reshape, [total], g.tensor(y)))


CONVERTERS: dict[str, Callable[[Importer, FileOp], None]] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": lstm, "SVDF": svdf}
