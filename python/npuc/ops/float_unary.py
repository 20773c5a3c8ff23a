# SPDX-License-Identifier: Apache-2.0
"""float_unary: a function of each element in f32, on the host."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from npuc.ops._checks import dtype_is, host_only
from npuc.ops._elementwise import Map
from npuc.ops.base import Refusal, TensorType, param
from npuc.targets.base import Target


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e**-x), without overflow."""
    return np.reciprocal(1 + np.exp(-np.abs(x))) * np.where(x >= 0, 1, np.exp(-np.abs(x))).astype(x.dtype)


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, each element in f64."""
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


# kind -> function of a float array, its dtype kept; also the source of tables
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "cos": np.cos,
    "erf": erf,
    "exp": np.exp,
    "floor": np.floor,
    "gelu": lambda x: x * (1 + erf(x / x.dtype.type(math.sqrt(2)))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x))) / 2,
    "hard_sigmoid": lambda x: np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "log": np.log,
    "neg": np.negative,
    "reciprocal": np.reciprocal,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "rsqrt": lambda x: np.reciprocal(np.sqrt(x)),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "sin": np.sin,
    "softplus": lambda x: np.logaddexp(x, x.dtype.type(0)),
    "sqrt": np.sqrt,
    "square": np.square,
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class FloatUnary(Map):
    """y = f(x), f by `kind`, f32 -> f32 of any shape."""

    name: ClassVar[str] = "float_unary"
    host_only: ClassVar[bool] = True

    kind: str = param("which function: " + ", ".join(FUNCTIONS), "relu")

    def malformed(self) -> Iterator[str]:
        yield from dtype_is("input", self.inputs[0], "f32")
        if self.kind not in FUNCTIONS:
            yield f"kind is '{self.kind}', wanted one of {', '.join(FUNCTIONS)}"

    def infer(self) -> TensorType:
        return TensorType(self.inputs[0].shape, "f32")

    def reference(self, *inputs: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return FUNCTIONS[self.kind](inputs[0]).astype(np.float32)

    def limits(self, target: Target) -> Iterator[Refusal]:
        yield from host_only(self, target)
