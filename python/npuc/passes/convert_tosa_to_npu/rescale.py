# SPDX-License-Identifier: Apache-2.0
"""tosa.rescale -> npu.rescale, npu.table for eight bits of any sign, npu.rescale_channels; unsigned values pass through i32."""

import numpy as np
from torch_mlir import ir

from npuc.numerics.rescale import Rescale
from npuc.ops._checks import RANGES
from npuc.ops.base import TensorType
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.rescale",)

_MULTIPLIER, _SHIFT, _ZP_IN, _ZP_OUT = 1, 2, 3, 4


def convert(at: Tosa) -> ir.Value:
    """Multipliers of 16 bits are numbers like those of 32; what differs between the two is the width of the product alone."""
    mode = at.word("rounding_mode")
    if mode not in ("SINGLE_ROUND", "DOUBLE_ROUND"):
        raise at.refuse("the rounding mode is exact", mode, "SINGLE_ROUND or DOUBLE_ROUND")
    x, y = at.type(), at.result
    unsigned_in, unsigned_out = at.flag("input_unsigned"), at.flag("output_unsigned")
    zp_in, zp_out = _zero_point(at, _ZP_IN, unsigned_in), _zero_point(at, _ZP_OUT, unsigned_out)
    low, high = (0, 2 * RANGES[y.dtype][1] + 1) if unsigned_out else RANGES[y.dtype]
    multiplier, shift = (tuple(at.array(i, name).reshape(-1).tolist()) for i, name in ((_MULTIPLIER, "multiplier"), (_SHIFT, "shift")))
    rescale = Rescale(multiplier, shift, zp_out, low, high, mode == "DOUBLE_ROUND")
    for problem in rescale.problems():
        raise at.refuse("multiplier and shift are those of a rescale", problem, "multiplier in [0, 2**31), shift in 2..62")
    if (x.dtype, y.dtype) == ("i8", "i8") and not rescale.per_channel and (unsigned_in or unsigned_out):
        return at.make("table", [at.value(), at.constant(_entries(rescale, zp_in, unsigned_in))])
    value = _unsigned(at, x.dtype) if unsigned_in else at.value()
    value = _rescaled(at, value, "i32" if unsigned_out else y.dtype, zp_in, rescale)
    return at.finish(at.make("cast", [value], TensorType((), y.dtype)) if unsigned_out else value)


def _rescaled(at: Tosa, value: ir.Value, dtype: str, zp_in: int, rescale: Rescale) -> ir.Value:
    name = "rescale_channels" if rescale.per_channel else "rescale"
    return at.make(name, [value], TensorType((), dtype), zp_x=zp_in, rescale=rescale)


def _zero_point(at: Tosa, index: int, unsigned: bool) -> int:
    """A constant of the operand's type, read as unsigned where the values are."""
    found = at.number(index, "zero point")
    return found & (2 * RANGES[at.type(index).dtype][1] + 1) if unsigned else found


def _unsigned(at: Tosa, dtype: str) -> ir.Value:
    """The bits of an i8 or i16 as an i32 that is not negative."""
    wide = at.make("cast", [at.value()], TensorType((), "i32"))
    shape = (1,) * len(at.type().shape)
    mask = at.constant(np.full(shape, 2 * RANGES[dtype][1] + 1, np.int32))
    return at.make("integer_binary", [wide, mask], kind="bitwise_and")


def _entries(rescale: Rescale, zp_in: int, unsigned: bool) -> np.ndarray:
    """i8 [256]: the result for each of -128..127, as bits."""
    inputs = np.arange(-128, 128, dtype=np.int64)
    values = (inputs & 255 if unsigned else inputs) - zp_in
    return rescale.apply(values, np.dtype(np.int64).type).astype(np.int8)
