# SPDX-License-Identifier: Apache-2.0
"""Which of two values is the greater, logic of the answers, and the choice between two tensors by one: on the host."""

from dataclasses import replace

from torch_mlir import ir

from npuc.frontend.tflite._graph import Converter, Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import RANGES
from npuc.ops._elementwise import UNIT_SCALE
from npuc.ops.base import TensorType
from npuc.ops.float_compare import FloatCompare
from npuc.ops.integer_binary import IntegerBinary
from npuc.ops.integer_unary import IntegerUnary
from npuc.ops.rescale import Rescale as RescaleOp
from npuc.ops.reshape import Reshape
from npuc.ops.select import Select

# headroom of codes that are compared
_HEADROOM_BITS = 8
# kind -> (comparison of integers, whether the operands change places, whether the answer is turned around)
_INTEGERS = {
    "equal": ("equal", False, False), "not_equal": ("equal", False, True), "greater": ("greater", False, False),
    "greater_equal": ("greater_equal", False, False), "less": ("greater", True, False), "less_equal": ("greater_equal", True, False),
}  # fmt: skip


def comparison(kind: str) -> Converter:
    """Of real values and of int32 as they stand; of codes by what they mean, rounded as the kernel rounds it."""

    def convert(g: Importer, op: FileOp) -> None:
        a, b = op.inputs
        dtype = g.tensor(a).dtype
        if dtype not in ("i8", "i32", "f32") or g.tensor(b).dtype != dtype:
            found, wanted = f"{g.file(a).dtype} and {g.file(b).dtype}", "int8, uint8, int32 or float32, one for both"
            raise g.refuse("element types of a comparison", found=found, wanted=wanted)
        if dtype == "f32":
            g.finish(g.emit(FloatCompare, [g.value(a), g.value(b)], kind=kind, unordered=kind == "not_equal"))
            return
        name, swapped, turned = _INTEGERS[kind]
        values = [_meant(g, index) if dtype == "i8" else g.value(index) for index in ((b, a) if swapped else (a, b))]
        answer = g.emit(IntegerBinary, values, kind=name)
        g.finish(g.emit(IntegerUnary, [answer], kind="logical_not") if turned else answer)

    return convert


def _meant(g: Importer, index: int) -> ir.Value:
    """Codes less their zero point, shifted left by 8, times their scale with double rounding: i32."""
    scale = g.scale(index)
    if scale >= 1:
        raise g.refuse("scale of codes that are compared", found=scale, wanted="below 1")
    kind = TensorType(g.tensor(index).shape, "i32")
    low, high = RANGES["i32"]
    shifted = Rescale(UNIT_SCALE[:1], (UNIT_SCALE[1] - _HEADROOM_BITS,), 0, low, high)
    multiplier, shift = g.multiplier(scale)
    value = g.emit(RescaleOp, [g.value(index)], kind, zp_x=g.zero_point(index), rescale=shifted)
    return g.emit(RescaleOp, [value], kind, rescale=replace(shifted, multiplier=(multiplier,), shift=(shift,), double_round=True))


def logic(kind: str) -> Converter:
    """Of booleans."""

    def convert(g: Importer, op: FileOp) -> None:
        values = [g.value(index) for index in op.inputs]
        g.finish(g.emit(IntegerUnary if len(values) == 1 else IntegerBinary, values, kind=kind))

    return convert


def select(g: Importer, op: FileOp) -> None:
    """SELECT_V2 broadcasts; SELECT takes whole entries of the first dimension where its condition has no others. Codes are not rescaled."""
    condition, a, b = op.inputs
    value, rank = g.value(condition), len(g.tensor(a).shape)
    shape = g.tensor(condition).shape
    if op.kind == "SELECT" and len(shape) == 1 and rank > 1:
        value = g.emit(Reshape, [value], TensorType((*shape, *[1] * (rank - 1)), "i1"))
    g.finish(g.emit(Select, [value, g.value(a), g.value(b)]))


CONVERTERS = {
    "EQUAL": comparison("equal"), "NOT_EQUAL": comparison("not_equal"), "GREATER": comparison("greater"), "GREATER_EQUAL": comparison("greater_equal"),
    "LESS": comparison("less"), "LESS_EQUAL": comparison("less_equal"), "LOGICAL_AND": logic("logical_and"), "LOGICAL_OR": logic("logical_or"),
    "LOGICAL_NOT": logic("logical_not"), "SELECT": select, "SELECT_V2": select,
}  # fmt: skip
