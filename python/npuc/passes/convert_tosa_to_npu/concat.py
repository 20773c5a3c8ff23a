# SPDX-License-Identifier: Apache-2.0
"""tosa.concat and tosa.tile -> npu.concat."""

from torch_mlir import ir

from npuc.dialects.base import MAX_VARIADIC
from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.concat", "tosa.tile")


def convert(at: Tosa) -> ir.Value:
    if at.name == "concat":
        return at.finish(_joined(at, at.values, at.integer("axis")))
    value = at.value()
    for axis, count in enumerate(at.shape(1, "multiples")):
        value = _joined(at, [value] * count, axis)
    return at.finish(value)


def _joined(at: Tosa, values: list[ir.Value], axis: int) -> ir.Value:
    """One after the other; as many at a time as an op takes."""
    while len(values) > 1:
        groups = [values[i : i + MAX_VARIADIC] for i in range(0, len(values), MAX_VARIADIC)]
        values = [at.make("concat", group, axis=axis) if len(group) > 1 else group[0] for group in groups]
    return values[0]
