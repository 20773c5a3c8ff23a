# SPDX-License-Identifier: Apache-2.0
"""Functions of one element: those that npuc.numerics.functions names, and any chain of elementwise ops with constants between them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import tensor_type
from npuc.numerics.functions import FUNCTIONS, erf, evaluate
from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._match import aligned_shape, attribute, constant

# arguments that PyTorch's op leaves out where they have these values
_DEFAULTS = {"alpha": 1.0, "beta": 1.0, "threshold": 20.0, "scale": 1.0, "input_scale": 1.0, "negative_slope": 0.01, "lambd": 0.5}
KINDS = tuple(sorted(FUNCTIONS))


def function_of(kind: str, params: dict[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    """(name, arguments in order), or None where the kind is no function of one element."""
    if kind == "gelu" and params.get("approximate") == "tanh":
        kind = "gelu_tanh"
    if kind not in FUNCTIONS:
        return None
    known = _DEFAULTS | {name: value for name, value in params.items() if not isinstance(value, str)}
    if any(name not in known for name in FUNCTIONS[kind].params):
        return None
    return kind, tuple(float(known[name]) for name in FUNCTIONS[kind].params)


# chains --------------------------------------------------------------------------------------------

Reals = np.ndarray


@dataclass(frozen=True)
class Chain:
    """A value that is a function of one other value, element by element.

    Attributes:
        source: the value that everything is computed from; no elementwise op makes it.
        apply: the function, on a flat array of any length.
    """

    source: ir.Value
    apply: Callable[[Reals], Reals]


def chain_of(value: ir.Value) -> Chain | None:
    """The chain that ends in `value`; None where it has two sources or an op that is unknown, or is empty."""
    chain = _Tracer(tensor_type(value.type).shape)
    if not chain.trace(value) or chain.source is None or chain.source == value:
        return None
    return Chain(chain.source, lambda real: chain.evaluate(value, real))


@dataclass
class _Tracer:
    """Walks from a result up to its one source; every operand has the result's shape, or is one number."""

    shape: tuple[int, ...]
    source: ir.Value | None = None
    visited: dict[ir.Value, bool] = field(default_factory=dict)

    def trace(self, value: ir.Value) -> bool:
        """Whether `value` is a number or a function of the source."""
        if value not in self.visited:
            self.visited[value] = self._trace(value)
        return self.visited[value]

    def _trace(self, value: ir.Value) -> bool:
        if _number(value) is not None:
            return True
        op = defining(value)
        if op is not None and op.name == "npu.float_op" and function_of(attribute(op, "kind"), attribute(op, "params")):
            return self.trace(op.operands[0])
        if op is not None and _is_elementwise(op):
            inputs = list(op.operands)[:-1]
            fits = (_number(x) is not None or aligned_shape(op, index) == self.shape for index, x in enumerate(inputs))
            return all(fits) and all(self.trace(x) for x in inputs)
        if tensor_type(value.type).shape != self.shape or (self.source is not None and self.source != value):
            return False
        self.source = value
        return True

    def evaluate(self, value: ir.Value, real: Reals) -> Reals:
        """`value` where the source is `real`, in the dtype of `real`."""
        if value == self.source:
            return real
        number = _number(value)
        if number is not None:
            return number if number.dtype.kind in "bi" else number.astype(real.dtype)
        op = defining(value)
        assert op is not None
        if op.name == "npu.float_op":
            known = function_of(attribute(op, "kind"), attribute(op, "params"))
            assert known is not None
            return evaluate(*known, self.evaluate(op.operands[0], real))
        block = op.regions[0].blocks[0]
        inside = {argument: self.evaluate(x, real) for argument, x in zip(block.arguments, list(op.operands)[:-1], strict=False)}
        for item in block.operations:
            inner = item.operation
            operands = [inside[x] if x in inside else self.evaluate(x, real) for x in inner.operands]
            if inner.name == "linalg.yield":
                return operands[0]
            inside[inner.results[0]] = _compute(inner, operands, real.dtype)
        raise AssertionError("a linalg.generic without a yield")


def _number(value: ir.Value) -> Reals | None:
    """One constant number, as an array without dimensions."""
    found = constant(value)
    if found is None or found.size == 0 or (found.size > 1 and (found != found.flat[0]).any()):
        return None
    return np.asarray(found).reshape(-1)[0]


def _is_elementwise(op: ir.Operation) -> bool:
    """Whether the op is a linalg.generic of known scalar ops, one result, no loop over a sum."""
    if op.name != "linalg.generic" or len(op.results) != 1 or len(op.operands) < 2:
        return False
    if any(str(kind) != "#linalg.iterator_type<parallel>" for kind in op.attributes["iterator_types"]):
        return False
    block = op.regions[0].blocks[0]
    result = list(block.arguments)[-1]
    inner = [item.operation for item in block.operations]
    return all(one.name in _SCALAR or one.name == "linalg.yield" for one in inner) and all(
        result not in list(one.operands) for one in inner
    )


def _compute(op: ir.Operation, operands: list[Reals], dtype: np.dtype) -> Reals:
    with np.errstate(all="ignore"):
        if op.name == "arith.cmpf":
            return _ordered(int(ir.IntegerAttr(op.attributes["predicate"]).value), *operands)
        result = np.asarray(_SCALAR[op.name](*operands))
    return result if result.dtype.kind == "b" else result.astype(dtype)


def _ordered(predicate: int, a: Reals, b: Reals) -> Reals:
    """arith.cmpf by its number: 1..7 are false where an operand is NaN, 8..14 true."""
    rules = (np.equal, np.greater, np.greater_equal, np.less, np.less_equal, np.not_equal)
    unordered = np.isnan(a) | np.isnan(b)
    if predicate in (0, 15):
        return np.full(unordered.shape, predicate == 15)
    if predicate in (7, 8):
        return ~unordered if predicate == 7 else unordered
    return rules[(predicate - 1) % 8 if predicate < 7 else predicate - 9](a, b) & ~unordered | (unordered & (predicate > 8))


_SCALAR: dict[str, Callable[..., Reals]] = {
    "arith.addf": np.add,
    "arith.cmpf": np.equal,
    "arith.constant": lambda: np.asarray(0),
    "arith.divf": np.divide,
    "arith.extf": np.asarray,
    "arith.maximumf": np.maximum,
    "arith.maxnumf": np.fmax,
    "arith.minimumf": np.minimum,
    "arith.minnumf": np.fmin,
    "arith.mulf": np.multiply,
    "arith.negf": np.negative,
    "arith.select": np.where,
    "arith.sitofp": np.asarray,
    "arith.subf": np.subtract,
    "arith.truncf": np.asarray,
    "arith.andi": np.logical_and,
    "arith.ori": np.logical_or,
    "math.absf": np.abs,
    "math.ceil": np.ceil,
    "math.copysign": np.copysign,
    "math.cos": np.cos,
    "math.erf": erf,
    "math.exp": np.exp,
    "math.expm1": np.expm1,
    "math.floor": np.floor,
    "math.log": np.log,
    "math.log1p": np.log1p,
    "math.log2": np.log2,
    "math.powf": np.power,
    "math.roundeven": np.rint,
    "math.rsqrt": lambda x: 1 / np.sqrt(x),
    "math.sin": np.sin,
    "math.sqrt": np.sqrt,
    "math.tanh": np.tanh,
    "math.trunc": np.trunc,
}
