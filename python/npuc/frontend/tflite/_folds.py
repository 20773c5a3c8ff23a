# SPDX-License-Identifier: Apache-2.0
"""Operators on numbers that are known when the file is read: shapes and what is computed from them."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from npuc.frontend.tflite._graph import Importer
from npuc.frontend.tflite._reader import FileOp

# a folded result has at most so many elements; a larger one is computed where the file says
_MAX_ELEMENTS = 1 << 20


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Towards zero for integers."""
    return a / b if np.issubdtype(a.dtype, np.floating) else np.trunc(a / b).astype(a.dtype)


_BINARY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": _divide, "FLOOR_DIV": np.floor_divide, "FLOOR_MOD": np.mod, "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum, "EQUAL": np.equal, "NOT_EQUAL": np.not_equal, "GREATER": np.greater, "GREATER_EQUAL": np.greater_equal, "LESS": np.less,
    "LESS_EQUAL": np.less_equal, "LOGICAL_AND": np.logical_and, "LOGICAL_OR": np.logical_or,
}  # fmt: skip
_UNARY: dict[str, Callable[[np.ndarray], np.ndarray]] = {"ABS": np.abs, "NEG": np.negative, "LOGICAL_NOT": np.logical_not}
_REDUCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "REDUCE_PROD": np.prod, "SUM": np.sum, "REDUCE_MAX": np.max, "REDUCE_MIN": np.min, "REDUCE_ANY": np.any, "REDUCE_ALL": np.all,
}  # fmt: skip


def fold(g: Importer, op: FileOp) -> bool:
    """Computes the operator where its operands are known, not quantized, and it is among those here; says whether it did.

    Raises:
        ValueError: operands that do not go together, among others; see `npuc.frontend.tflite`.
    """
    if not op.inputs or len(op.outputs) != 1 or any(index < 0 or g.file(index).scales for index in (*op.inputs, *op.outputs)):
        return False
    known = [g.known(index) for index in op.inputs]
    if any(array is None for array in known) or g.option("FusedActivationFunction", 0):
        return False
    with np.errstate(all="ignore"):
        found = _value(g, op, [np.asarray(array) for array in known])
    if found is None:
        return False
    g.fold(found)
    return True


def _value(g: Importer, op: FileOp, known: Sequence[np.ndarray]) -> np.ndarray | None:
    if op.kind in _BINARY:
        return _BINARY[op.kind](*known) if math.prod(np.broadcast_shapes(*(one.shape for one in known))) <= _MAX_ELEMENTS else None
    if op.kind in _UNARY:
        return _UNARY[op.kind](*known)
    if op.kind in _REDUCTIONS:
        x, axes = known
        return np.asarray(_REDUCTIONS[op.kind](x, axis=tuple(axes.reshape(-1).tolist()), keepdims=bool(g.option("KeepDims", False)))).astype(x.dtype)
    if op.kind == "CONCATENATION":
        return np.concatenate(known, axis=g.option("Axis"))
    if op.kind == "GATHER" and not g.option("BatchDims", 0):
        return np.take(known[0], known[1], axis=g.option("Axis", 0))
    if op.kind in ("SELECT", "SELECT_V2"):
        return np.where(*known)
    if op.kind in ("FILL", "BROADCAST_TO"):
        value, shape = known if op.kind == "BROADCAST_TO" else known[::-1]
        extents = tuple(int(extent) for extent in shape.reshape(-1))
        return np.broadcast_to(value, extents) if min(extents, default=0) >= 0 and math.prod(extents) <= _MAX_ELEMENTS else None
    if op.kind == "RANGE":
        start, limit, step = (one.reshape(-1)[0] for one in known)
        return np.arange(start, limit, step) if step and abs((limit - start) / step) <= _MAX_ELEMENTS else None
    return None
