# SPDX-License-Identifier: Apache-2.0
"""npu.float_op of one element (sigmoid, hard-swish, x + 1, ...) -> npu.table."""

import numpy as np
from torch_mlir import ir

from npuc.numerics.functions import evaluate
from npuc.ops.table import table_of
from npuc.passes.convert_linalg_to_npu._functions import KINDS, function_of
from npuc.passes.convert_linalg_to_npu._match import Root, array, attribute, make, quantized

ROOTS = tuple(f"float_op.{kind}" for kind in KINDS)


def convert(root: Root) -> ir.Value | None:
    """All 256 values are computed and quantized; clamps that follow are bounds of the entries."""
    x = quantized(root.op.operands[0])
    found = function_of(attribute(root.op, "kind"), attribute(root.op, "params"))
    if x is None or found is None:
        return None
    kind, arguments = found
    entries = table_of(lambda real: evaluate(kind, arguments, real), x.scale, x.zp, root.scale, root.zp)
    entries = np.clip(entries, root.lo, root.hi).astype(np.int8)
    low, high = int(entries.min()), int(entries.max())
    if (x.scale, x.zp) == (root.scale, root.zp) and np.array_equal(entries, np.clip(np.arange(-128, 128), low, high)):
        # a clamp fuses into the op before it where a table does not
        return make("clamp", [x.value], lo=low, hi=high)
    return make("table", [x.value, array(entries)])
