# SPDX-License-Identifier: Apache-2.0
"""tosa.const -> npu.constant. tosa.const_shape and tosa.dim make no value: who reads a shape looks at them."""

import re

import numpy as np
from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.const", "tosa.const_shape", "tosa.dim")


def convert(at: Tosa) -> ir.Value:
    if at.name != "const":
        return at.op.results[0]
    kind = at.result
    values = at.op.attributes["values"]
    if not isinstance(values, ir.DenseElementsAttr):
        raise at.refuse("constants are written out", str(values)[:80], "dense<...>")
    if str(at.op.results[0].type.element_type) == "i48":
        return at.constant(_wide(values, kind.shape))
    made = ir.Operation.create("npu.constant", results=[at.op.results[0].type], attributes={"value": values})
    return made.results[0]


def _wide(values: ir.DenseElementsAttr, shape: tuple[int, ...]) -> np.ndarray:
    """i64 from 48-bit elements, which the bindings do not read: from their text, numbers or one string of bytes."""
    text = str(values).rpartition(":")[0].strip()
    inner = text[text.index("<") + 1 : text.rindex(">")]
    count = int(np.prod(shape, dtype=np.int64))
    raw = re.fullmatch(r'"0x([0-9A-Fa-f]*)"', inner)
    if raw is None:
        numbers = [int(number) for number in re.findall(r"-?\d+", inner)]
    else:
        data = bytes.fromhex(raw[1])
        # each element fills whole bytes, six or padded to eight
        width = len(data) // max(count, 1) if len(data) >= 6 * count else len(data)
        numbers = [int.from_bytes(data[i : i + width], "little", signed=False) for i in range(0, len(data), width)]
        numbers = [(number & ((1 << 48) - 1)) - ((number >> 47 & 1) << 48) for number in numbers]
    return np.broadcast_to(np.array(numbers, np.int64), (count,) if len(numbers) == 1 else (len(numbers),)).reshape(shape)
