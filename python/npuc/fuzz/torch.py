# SPDX-License-Identifier: Apache-2.0
"""Random small PyTorch modules through the whole front door: drawn, quantized by PT2E, imported.

A module is a list of steps that read what earlier ones gave; each is tried on an example as it is drawn, so that shapes fit.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch_mlir import ir

from npuc.frontend.torch import import_torch
from npuc.quantize import quantize_module

_LEAST_STEPS, _MOST_STEPS = 5, 14
_MOST_ELEMENTS = 4000
_LARGEST = 1e4
_CALIBRATION_SAMPLES = 4
_ATTEMPTS = 120

# Functions of one value; the frontend marks each by its name.
_FUNCTIONS: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
    F.relu, F.relu6, F.hardtanh, F.leaky_relu, torch.sigmoid, torch.tanh, F.gelu, F.silu, F.hardswish, F.hardsigmoid, F.elu, F.mish, F.softplus,
    torch.abs, torch.neg, torch.exp, F.selu, F.celu, F.logsigmoid, F.softsign, torch.square, torch.sin, torch.cos, torch.floor, torch.ceil, torch.round,
    lambda x: x + 0.75, lambda x: 1.5 - x, lambda x: x * 0.4, lambda x: x / 3.0, lambda x: x.clamp(-0.5, 1.25), lambda x: torch.rsqrt(x.abs() + 0.1),
)  # fmt: skip


class Step(nn.Module):
    """One layer and the numbers of the values that it reads."""

    def __init__(self, reads: tuple[int, ...], layer: Callable[..., torch.Tensor]):
        super().__init__()
        self.reads, self.layer = reads, layer

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return self.layer(*values)


class Steps(nn.Module):
    """Steps in order; the results are what no step reads."""

    def __init__(self, steps: list[Step]):
        super().__init__()
        self.steps = nn.ModuleList(steps)
        read = {number for step in steps for number in step.reads}
        self.results: tuple[int, ...] = tuple(number for number in range(1, len(steps) + 1) if number not in read)

    def forward(self, x: torch.Tensor) -> Any:
        values = [x]
        for step in self.steps.children():
            assert isinstance(step, Step)
            values.append(step(*(values[number] for number in step.reads)))
        results = [values[number] for number in self.results]
        return tuple(results) if len(results) > 1 else results[0]


def random_module(rng: np.random.Generator) -> str:
    """The text of the module that a random network of PyTorch is imported to: linalg and marked npu ops, with locations; a context is entered."""
    seed = int(rng.integers(1 << 31))
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        network, example = _network(rng)
        samples = [torch.randn_like(example) for _ in range(_CALIBRATION_SAMPLES)]
        program, _ = quantize_module(network, (example,), samples, seed=seed)
        return import_torch(program, ir.Context.current).operation.get_asm(enable_debug_info=True)


def _network(rng: np.random.Generator) -> tuple[nn.Module, torch.Tensor]:
    """A random network in evaluation mode, and an example of its input."""
    shape = (1, int(rng.choice([3, 4, 6, 8])), int(rng.integers(4, 13)), int(rng.integers(4, 13)))
    example = torch.randn(shape)
    values: list[torch.Tensor] = [example]
    steps: list[Step] = []
    wanted = int(rng.integers(_LEAST_STEPS, _MOST_STEPS + 1))
    for _ in range(_ATTEMPTS):
        if len(steps) >= wanted:
            break
        step = _step(rng, values)
        if step is None:
            continue
        try:
            with torch.no_grad():
                made = step.eval()(*(values[number] for number in step.reads))
        except (RuntimeError, ValueError, IndexError):
            # the layer does not take that shape
            continue
        # far below what f32 holds: an exponential of other samples must not leave it
        if 0 < made.numel() <= _MOST_ELEMENTS and 0 < made.dim() <= 5 and bool((made.double().abs() < _LARGEST).all()):
            steps.append(step)
            values.append(made)
    return Steps(steps).eval(), example


def _step(rng: np.random.Generator, values: list[torch.Tensor]) -> Step | None:
    """A layer drawn for one of the latest values."""
    number = int(rng.integers(max(0, len(values) - 3), len(values)))
    x = values[number]
    others = [index for index, value in enumerate(values) if index != number and value.shape == x.shape]
    name = _LAYERS[int(rng.integers(len(_LAYERS)))]
    if name in _OF_IMAGES and x.dim() != 4:
        return None

    def upto(high: int, low: int = 1) -> int:
        return int(rng.integers(low, high + 1))

    def one(layer: Callable[..., torch.Tensor]) -> Step:
        return Step((number,), layer)

    def two(layer: Callable[..., torch.Tensor], *suited: int) -> Step:
        # the value itself where there is no other
        return Step((number, suited[upto(len(suited)) - 1] if suited else number), layer)

    match name:
        case "conv":
            groups = upto(2) if x.shape[1] % 2 == 0 else 1
            kernel, dilation = upto(4), upto(2)
            out = groups * upto(8)
            return one(nn.Conv2d(x.shape[1], out, kernel, upto(2), upto(kernel - 1, 0) if kernel > 1 else 0, dilation, groups, bool(upto(2) - 1)))
        case "conv_bn_relu":
            out = upto(8) + 1
            norm = nn.BatchNorm2d(out)
            nn.init.uniform_(norm.weight, 0.5, 2.0)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
            return one(nn.Sequential(nn.Conv2d(x.shape[1], out, 3, upto(2), 1), norm, nn.ReLU()))
        case "depthwise":
            return one(nn.Conv2d(x.shape[1], x.shape[1] * upto(2), 3, upto(2), 1, groups=x.shape[1]))
        case "conv_transpose":
            groups = upto(2) if x.shape[1] % 2 == 0 else 1
            kernel, stride, dilation = upto(4), upto(3), upto(2)
            more, pads, out = upto(max(stride, dilation) - 1, 0), upto(kernel - 1, 0), groups * upto(6)
            return one(nn.ConvTranspose2d(x.shape[1], out, kernel, stride, pads, more, groups, bool(upto(2) - 1), dilation))
        case "conv1d":
            return one(nn.Conv1d(x.shape[1], upto(8), upto(3), upto(2), 1)) if x.dim() == 3 else None
        case "linear":
            return one(nn.Linear(x.shape[-1], upto(16), bool(upto(2) - 1)))
        case "function":
            return one(_FUNCTIONS[upto(len(_FUNCTIONS)) - 1])
        case "prelu":
            slopes = nn.PReLU(x.shape[1] if x.dim() > 1 and upto(4) > 1 else 1)
            nn.init.uniform_(slopes.weight, -0.5, 0.9)
            return one(slopes)
        case "add":
            return two(torch.add, *others)
        case "sub":
            return two(torch.sub, *others)
        case "mul":
            return two(torch.mul, *others)
        case "matmul":
            suited = [i for i, v in enumerate(values) if v.dim() == x.dim() >= 2 and v.shape[:-2] == x.shape[:-2] and v.shape[-1] == x.shape[-1]]
            return two(lambda a, b: a @ b.transpose(-1, -2), *suited)
        case "cat":
            dimension = upto(x.dim() - 1, 0)
            return two(lambda a, b: torch.cat([a, b, a], dimension), *others)
        case "max_pool":
            kernel = upto(3)
            return one(nn.MaxPool2d(kernel, upto(2), upto(kernel // 2, 0)))
        case "avg_pool":
            kernel = upto(3)
            return one(nn.AvgPool2d(kernel, upto(2), upto(kernel // 2, 0), count_include_pad=bool(upto(2) - 1)))
        case "global_pool":
            return one((nn.AdaptiveAvgPool2d(1), lambda v: v.mean((2, 3)), lambda v: v.mean(-1, keepdim=True), lambda v: v.sum(1))[upto(4) - 1])
        case "amax":
            return one(lambda v: v.amax((2, 3), keepdim=True))
        case "softmax":
            return one(nn.Softmax(upto(x.dim() - 1, 0)))
        case "log_softmax":
            return one(nn.LogSoftmax(upto(x.dim() - 1, 0)))
        case "upsample":
            return one(nn.Upsample(scale_factor=upto(3, 2), mode="nearest"))
        case "permute":
            order = tuple(int(i) for i in rng.permutation(x.dim()))
            return one(lambda v: v.permute(order))
        case "reshape":
            shape = _factored(rng, x.numel(), upto(4))
            return one(lambda v: v.reshape(shape))
        case "flatten":
            return one(nn.Flatten())
        case "slice":
            dimension = upto(x.dim() - 1, 0)
            start = upto(x.shape[dimension] - 1, 0)
            return one(lambda v: v.narrow(dimension, start, v.shape[dimension] - start))
        case "pad":
            sides = tuple(upto(2, 0) for _ in range(4))
            return one(lambda v: F.pad(v, sides))
        case _:
            return one(nn.PixelShuffle(2))


def _factored(rng: np.random.Generator, elements: int, rank: int) -> tuple[int, ...]:
    """A random shape of so many elements."""
    shape, factor = [1] * rank, 2
    while elements > 1:
        while elements % factor:
            factor += 1
        shape[int(rng.integers(rank))] *= factor
        elements //= factor
    return tuple(shape)


_LAYERS = (
    "conv", "conv", "conv_bn_relu", "conv_bn_relu", "depthwise", "conv_transpose", "conv_transpose", "conv1d", "linear", "linear",
    "function", "function", "function", "prelu", "prelu", "prelu", "add", "add", "sub", "sub", "mul", "mul", "matmul", "matmul", "cat", "cat", "max_pool",
    "avg_pool", "avg_pool", "global_pool", "global_pool", "amax", "softmax", "log_softmax", "upsample", "upsample", "permute", "reshape", "flatten",
    "slice", "pad", "shuffle",
)  # fmt: skip
_OF_IMAGES = ("conv", "conv_bn_relu", "depthwise", "conv_transpose", "max_pool", "avg_pool", "global_pool", "amax", "upsample", "pad", "shuffle")
