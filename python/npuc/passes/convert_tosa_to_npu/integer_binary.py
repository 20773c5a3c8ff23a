# SPDX-License-Identifier: Apache-2.0
"""tosa's arithmetic, shifts, bits, comparisons and logic of two operands -> npu.integer_binary."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

_SAME = (
    "add", "sub", "intdiv", "maximum", "minimum", "logical_left_shift", "logical_right_shift", "bitwise_and", "bitwise_or", "bitwise_xor", "equal",
    "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
)  # fmt: skip
OPS = (*(f"tosa.{name}" for name in _SAME), "tosa.arithmetic_right_shift", "tosa.mul")


def convert(at: Tosa) -> ir.Value:
    kind, shift = at.name, 0
    if kind == "arithmetic_right_shift" and at.flag("round"):
        kind = "rounding_right_shift"
    if kind == "mul":
        shift = at.number(2, "shift")
    return at.finish(at.make("integer_binary", at.values[:2], kind=kind, shift=shift))
