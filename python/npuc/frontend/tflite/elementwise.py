# SPDX-License-Identifier: Apache-2.0
"""Sums and products of two tensors, element by element."""

from collections.abc import Callable

import numpy as np

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp
from npuc.frontend.tflite.convolutions import check_types
from npuc.numerics.rescale import Rescale
from npuc.numerics.tflite import power_of_two
from npuc.ops._checks import ACTIVATIONS
from npuc.ops._elementwise import UNIT_SCALE
from npuc.ops._sum import HEADROOM_BITS, Sum
from npuc.ops.add import Add
from npuc.ops.maximum import Maximum
from npuc.ops.minimum import Minimum
from npuc.ops.mul import Mul
from npuc.ops.squared_difference import SquaredDifference
from npuc.ops.sub import Sub

# headroom of a sum of 16-bit codes
WIDE_HEADROOM_BITS = 15
# headroom of a difference that is squared
_SQUARE_BITS = 7


def _sum(g: Importer, op: FileOp, cls: type[Sum]) -> None:
    """Both inputs shifted left by 20 (int16: 15) and brought to twice the greater scale; double rounding throughout."""
    a, b = op.inputs
    check_types(g, a, b, op.outputs[0], dtypes=ACTIVATIONS)
    scale_a, scale_b, out = g.scale(a), g.scale(b), g.scale(op.outputs[0])
    wide = g.tensor(a).dtype == "i16"
    powers = [power_of_two(scale) for scale in (scale_a, scale_b, out)]
    if wide and g.option("PotScaleInt16", True) and None not in powers:
        _aligned(g, op, cls, powers)
        return
    headroom = WIDE_HEADROOM_BITS if wide else HEADROOM_BITS
    common = 2 * max(scale_a, scale_b)
    rescale = g.rescale([common / ((1 << headroom) * out)], op.outputs[0], True, g.option("FusedActivationFunction", 0))
    value = g.emit(
        cls, [g.value(a), g.value(b)], zp_a=g.zero_point(a), zp_b=g.zero_point(b), left_shift=headroom, rescale=rescale,
        scale_a=g.multiplier(scale_a / common), scale_b=g.multiplier(scale_b / common),
    )  # fmt: skip
    g.finish(value)


def _aligned(g: Importer, op: FileOp, cls: type[Sum], powers: list[int]) -> None:
    """int16 codes whose scales are powers of two, in the older form: one input is at the result's scale, the other is divided down to it."""
    *inputs, out = powers
    shifts = [out - power for power in inputs]
    if min(shifts) != 0:
        found = tuple(2.0**power for power in powers)
        raise g.refuse("scales of a sum that are powers of two", found=found, wanted="the result at the finer input's scale")
    lo, hi = g.bounds(op.outputs[0], g.option("FusedActivationFunction", 0))
    # the left shift keeps double rounding from counting a half twice: halves go away from zero
    pairs = [(UNIT_SCALE[0], UNIT_SCALE[1] + WIDE_HEADROOM_BITS + shift) for shift in shifts]
    value = g.emit(
        cls, [g.value(index) for index in op.inputs], left_shift=WIDE_HEADROOM_BITS, scale_a=pairs[0], scale_b=pairs[1],
        rescale=Rescale(UNIT_SCALE[:1], UNIT_SCALE[1:], 0, lo, hi, True),
    )  # fmt: skip
    g.finish(value)


def add(g: Importer, op: FileOp) -> None:
    """ADD."""
    _sum(g, op, Add)


def sub(g: Importer, op: FileOp) -> None:
    """SUB."""
    _sum(g, op, Sub)


def squared_difference(g: Importer, op: FileOp) -> None:
    """Both inputs shifted left by 7 and brought to twice the greater scale; double rounding throughout."""
    a, b = op.inputs
    check_types(g, a, b, op.outputs[0])
    scale_a, scale_b, out = g.scale(a), g.scale(b), g.scale(op.outputs[0])
    common = 2 * max(scale_a, scale_b)
    rescale = g.rescale([common * common / ((1 << 2 * _SQUARE_BITS) * out)], op.outputs[0], True)
    value = g.emit(
        SquaredDifference, [g.value(a), g.value(b)], zp_a=g.zero_point(a), zp_b=g.zero_point(b), left_shift=_SQUARE_BITS, rescale=rescale,
        scale_a=g.multiplier(scale_a / common), scale_b=g.multiplier(scale_b / common),
    )  # fmt: skip
    g.finish(value)


def mul(g: Importer, op: FileOp) -> None:
    """The factor in single precision; double rounding."""
    a, b = op.inputs
    check_types(g, a, b, op.outputs[0], dtypes=ACTIVATIONS)
    factor = np.float32(g.scale(a)) * np.float32(g.scale(b)) / np.float32(g.scale(op.outputs[0]))
    value = g.emit(
        Mul, [g.value(a), g.value(b)], zp_a=g.zero_point(a), zp_b=g.zero_point(b),
        rescale=g.rescale([float(factor)], op.outputs[0], True, g.option("FusedActivationFunction", 0)),
    )  # fmt: skip
    g.finish(value)


def extremum(cls: type[Maximum] | type[Minimum]) -> Callable[[Importer, FileOp], None]:
    """MAXIMUM, MINIMUM: of codes, whatever their scales."""

    def convert(g: Importer, op: FileOp) -> None:
        a, b = op.inputs
        g.finish(g.emit(cls, [g.value(a), g.value(b)]))

    return convert


CONVERTERS = {
    "ADD": add,
    "SUB": sub,
    "MUL": mul,
    "MAXIMUM": extremum(Maximum),
    "MINIMUM": extremum(Minimum),
    "SQUARED_DIFFERENCE": squared_difference,
}
