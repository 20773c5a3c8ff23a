# SPDX-License-Identifier: Apache-2.0
"""npu.concat."""

import types
from typing import Any

from npuc.dialects.base import MAX_VARIADIC, Operand, Pure, Result
from npuc.dialects.npu.base import NpuOp
from npuc.ops.concat import Concat


def _body(namespace: dict) -> None:
    # MLIR's runtime-defined ops hold all operands of one variadic group to one type; optional ones each have their own
    names = [f"input_{i}" for i in range(MAX_VARIADIC)]
    annotations: dict[str, Any] = dict.fromkeys(names, Operand[Any] | None)
    namespace.update(dict.fromkeys(names), spec=Concat, __module__=__name__, __doc__="See `npuc.ops.concat`.")
    namespace["__annotations__"] = {"axis": Any, "output": Result[Any]} | annotations


ConcatOp = types.new_class("ConcatOp", (NpuOp,), {"name": "concat", "traits": [Pure]}, _body)
