# SPDX-License-Identifier: Apache-2.0
"""What a PT2E program means, without the rounding errors of float32: the oracle for code-for-code comparisons.

PyTorch sums products in float32, so now and then a result next to the middle of two codes falls on the wrong side, and a deep network
spreads each such flip over all that follows. Evaluated in float64 by PyTorch's own ops there are none.
"""

from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Interpreter, Node

from npuc.quantize.names import op_name


class Exact(Interpreter):
    """Runs a PT2E program in float64. A bias is what an i32 accumulator holds: a multiple of input scale times weight scale."""

    def __init__(self, program: ExportedProgram):
        super().__init__(program.module(check_guards=False))

    def __call__(self, *inputs: torch.Tensor) -> Any:
        with torch.no_grad():
            return self.run(*inputs)

    def run_node(self, n: Node) -> Any:
        if n.op != "call_function":
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        name = op_name(n)
        if name == "dequantize_per_tensor":
            return (args[0].double() - args[2]) * args[1]
        if name == "dequantize_per_channel":
            shape = [-1 if axis == args[3] else 1 for axis in range(args[0].dim())]
            return args[0].double() * args[1].double().reshape(shape)
        if name == "quantize_per_tensor":
            codes = torch.round(_double(args[0]) / args[1]) + args[2]
            return codes.clamp(args[3], args[4]).to(args[5])
        args = [_double(value) for value in args]
        if name in ("conv1d", "conv2d", "linear") and len(args) > 2 and args[2] is not None:
            args[2] = self._on_grid(n, args[2])
        return n.target(*args, **kwargs)

    def _on_grid(self, n: Node, bias: torch.Tensor) -> torch.Tensor:
        x, weight = n.args[:2]
        if op_name(x) != "dequantize_per_tensor" or not op_name(weight).startswith("dequantize"):
            return bias
        scale = weight.args[1]
        # a constant is gone from the values once its last reader ran
        step = x.args[1] * (self.fetch_attr(str(scale.target)).double() if isinstance(scale, Node) else scale)
        return (bias / step).round() * step


def _double(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_double(one) for one in value]
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
