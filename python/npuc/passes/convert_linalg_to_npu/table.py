# SPDX-License-Identifier: Apache-2.0
"""Functions of one element (sigmoid, hard-swish, 1 - x, ...), whole or spread over several float ops -> npu.table."""

import numpy as np
from torch_mlir import ir

from npuc.passes.convert_linalg_to_npu._functions import KINDS, Chain, chain_of
from npuc.passes.convert_linalg_to_npu._match import Quantized, Root, array, make, quantized

ROOTS = (*(f"float_op.{kind}" for kind in KINDS), "linalg.generic")


def convert(root: Root) -> ir.Value | None:
    """All 256 values are computed and quantized; clamps that follow are bounds of the entries."""
    chain = chain_of(root.op.results[0])
    x = None if chain is None else quantized(chain.source)
    if chain is None or x is None:
        return None
    entries = np.clip(entries_of(chain, x, root), root.lo, root.hi).astype(np.int8)
    low, high = int(entries.min()), int(entries.max())
    if (x.scale, x.zp) == (root.scale, root.zp) and np.array_equal(entries, np.clip(np.arange(-128, 128), low, high)):
        # a clamp fuses into the op before it where a table does not
        return make("clamp", [x.value], lo=low, hi=high)
    return make("table", [x.value, array(entries)])


def entries_of(chain: Chain, x: Quantized, root: Root) -> np.ndarray:
    """f64 [256]: what PyTorch computes for each code, the function itself in f64.

    Steps and results are rounded to f32 where PyTorch does so: a function with jumps (floor, sign) or a result halfway between two
    codes shows the difference.
    """
    real = np.float32(x.scale) * (np.arange(-128, 128) - x.zp).astype(np.float32)
    with np.errstate(all="ignore"):
        result = np.nan_to_num(np.broadcast_to(chain.apply(real.astype(np.float64)), real.shape)).astype(np.float32)
        return np.nan_to_num(np.rint((result * np.float32(1 / root.scale)).astype(np.float64)) + root.zp)
