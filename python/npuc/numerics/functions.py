# SPDX-License-Identifier: Apache-2.0
"""Functions of one real variable, by PyTorch's names and with PyTorch's parameters: for tables, and for ops that run on the host.

Each takes a float array and keeps its dtype. Formulas: the documentation of torch.nn.functional.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@dataclass(frozen=True)
class Function:
    """y = apply(x, *params).

    Attributes:
        params: names of the constant arguments, in order.
    """

    apply: Callable[..., np.ndarray]
    params: tuple[str, ...] = ()


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def softplus(x: np.ndarray, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x exceeds the threshold."""
    return np.where(beta * x > threshold, x, np.logaddexp(beta * x, x.dtype.type(0)) / beta)


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, each element in f64."""
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def gelu(x: np.ndarray) -> np.ndarray:
    """x * Phi(x), Phi the normal distribution."""
    return x * (1 + erf(x / math.sqrt(2))) / 2


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """The approximation of gelu by tanh."""
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def elu(x: np.ndarray, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> np.ndarray:
    """scale * (x > 0: x, else alpha * (exp(input_scale * x) - 1))."""
    return scale * np.where(x > 0, x, alpha * np.expm1(input_scale * np.minimum(x, 0)))


def celu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    return elu(x, alpha, 1.0, 1 / alpha)


FUNCTIONS: dict[str, Function] = {
    "abs": Function(np.abs),
    "add_scalar": Function(lambda x, value, alpha: x + value * alpha, ("value", "alpha")),
    "atan": Function(np.arctan),
    "ceil": Function(np.ceil),
    "celu": Function(celu, ("alpha",)),
    "clamp": Function(lambda x, low, high: np.clip(x, low, high), ("min", "max")),
    "cos": Function(np.cos),
    "div_scalar": Function(lambda x, value: x / value, ("value",)),
    "elu": Function(elu, ("alpha", "scale", "input_scale")),
    "erf": Function(erf),
    "exp": Function(np.exp),
    "expm1": Function(np.expm1),
    "floor": Function(np.floor),
    "gelu": Function(gelu),
    "gelu_tanh": Function(gelu_tanh),
    "hardshrink": Function(lambda x, lambd: np.where(np.abs(x) > lambd, x, 0), ("lambd",)),
    "hardsigmoid": Function(lambda x: np.clip(x + 3, 0, 6) / 6),
    "hardswish": Function(lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "leaky_relu": Function(lambda x, slope: np.where(x >= 0, x, x * slope), ("negative_slope",)),
    "log": Function(np.log),
    "log1p": Function(np.log1p),
    "log2": Function(np.log2),
    "log_sigmoid": Function(lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))),
    "mish": Function(lambda x: x * np.tanh(softplus(x))),
    "mul_scalar": Function(lambda x, value: x * value, ("value",)),
    "neg": Function(np.negative),
    "pow_scalar": Function(lambda x, value: np.power(x, value), ("value",)),
    "reciprocal": Function(np.reciprocal),
    "relu": Function(lambda x: np.maximum(x, 0)),
    "relu6": Function(lambda x: np.clip(x, 0, 6)),
    "round": Function(np.rint),
    "rsqrt": Function(lambda x: 1 / np.sqrt(x)),
    "rsub_scalar": Function(lambda x, value, alpha: value - x * alpha, ("value", "alpha")),
    "selu": Function(lambda x: elu(x, _SELU_ALPHA, _SELU_SCALE)),
    "sigmoid": Function(sigmoid),
    "silu": Function(lambda x: x * sigmoid(x)),
    "sin": Function(np.sin),
    "softplus": Function(softplus, ("beta", "threshold")),
    "softshrink": Function(lambda x, lambd: np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, 0)), ("lambd",)),
    "sqrt": Function(np.sqrt),
    "square": Function(np.square),
    "sub_scalar": Function(lambda x, value, alpha: x - value * alpha, ("value", "alpha")),
    "tanh": Function(np.tanh),
    "trunc": Function(np.trunc),
}


def evaluate(kind: str, params: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """The function called `kind` of x, in the dtype of x; outside of its domain NaN or infinity, silently."""
    with np.errstate(all="ignore"):
        return np.asarray(FUNCTIONS[kind].apply(x, *params)).astype(x.dtype)
