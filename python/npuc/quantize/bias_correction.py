# SPDX-License-Identifier: Apache-2.0
"""Sequential bias correction: shift each layer's bias so that its mean output equals the float network's.

Rounding the weights of a channel shifts the mean of its output; so do the errors of all layers before it. Layer by
layer, with every earlier layer already corrected, the bias of output channel c takes up the difference
`E[float output c] - E[quantized output c]` over the calibration data (Nagel et al. 2019, "Data-Free Quantization
Through Weight Equalization and Bias Correction", section 4.2 with measured expectations).
"""

from collections.abc import Callable, Sequence

import torch
from torch.fx import GraphModule, Interpreter, Node

from npuc.quantize.graph import constant
from npuc.quantize.names import layer_name, op_name
from npuc.quantize.rules import WEIGHTED

Means = dict[str, torch.Tensor]


def is_weighted(node: Node) -> bool:
    """Whether the node is a convolution or linear that has a bias operand position."""
    return node.op == "call_function" and op_name(node) in WEIGHTED


def channel_mean(node: Node, value: torch.Tensor) -> torch.Tensor:
    """Mean per output channel, f64: channels last for `linear`, second for convolutions."""
    axis = value.dim() - 1 if op_name(node) == "linear" else 1
    return value.double().mean([d for d in range(value.dim()) if d != axis])


class MeanRecorder(Interpreter):
    """Runs a graph and adds up the mean output of each weighted node, by layer name."""

    def __init__(self, gm: GraphModule):
        super().__init__(gm)
        self.sums: Means = {}
        self.count = 0

    def run_node(self, n: Node):
        value = super().run_node(n)
        if is_weighted(n):
            mean = channel_mean(n, value)
            self.sums[layer_name(n)] = self.sums.get(layer_name(n), 0.0) + mean
        return value

    def add(self, inputs: tuple) -> None:
        self.run(*inputs)
        self.count += 1

    def means(self) -> Means:
        return {name: total / self.count for name, total in self.sums.items()}


def correct_biases(gm: GraphModule, wanted: Means, inputs: Sequence[tuple], progress: Callable[[int, int], None] | None = None) -> int:
    """Correct every weighted layer of a converted graph in place.

    All samples walk through the graph together, node by node, so that one pass corrects all layers in order.
    Values are freed after their last reader.

    Args:
        gm: the PT2E-converted graph.
        wanted: mean output of each layer of the float graph, by layer name.
        inputs: the samples to measure on, as `forward` takes them.
        progress: called with (weighted layers done, weighted layers in all).

    Returns the number of layers corrected.
    """
    total = sum(is_weighted(node) for node in gm.graph.nodes)
    runners = [Interpreter(gm) for _ in inputs]
    for runner, sample in zip(runners, inputs, strict=True):
        runner.args_iter = iter(sample)
    dies_after = _last_readers(gm)
    done = 0
    for node in list(gm.graph.nodes):
        if node.op == "output":
            break
        values = [runner.run_node(node) for runner in runners]
        if is_weighted(node) and layer_name(node) in wanted:
            found = sum(channel_mean(node, value) for value in values) / len(values)
            shift = (wanted[layer_name(node)] - found).to(values[0].dtype)
            _shift_bias(gm, node, shift)
            axis = values[0].dim() - 1 if op_name(node) == "linear" else 1
            shape = [shift.numel() if d == axis else 1 for d in range(values[0].dim())]
            values = [value + shift.reshape(shape) for value in values]
            done += 1
            if progress:
                progress(done, total)
        for runner, value in zip(runners, values, strict=True):
            runner.env[node] = value
            for dead in dies_after.get(node, ()):
                runner.env.pop(dead, None)
    gm.graph.lint()
    gm.recompile()
    return done


def _last_readers(gm: GraphModule) -> dict[Node, list[Node]]:
    last: dict[Node, Node] = {}
    for node in gm.graph.nodes:
        for source in node.all_input_nodes:
            last[source] = node
    found: dict[Node, list[Node]] = {}
    for source, reader in last.items():
        found.setdefault(reader, []).append(source)
    return found


def _shift_bias(gm: GraphModule, node: Node, shift: torch.Tensor) -> None:
    """Give the node a bias of its own: the float module's parameter is shared with the user's and is not touched."""
    old = node.args[2] if len(node.args) > 2 else None
    value = shift
    if old is not None:
        value = value + constant(gm, old)
    name = f"corrected_bias_{node.name}"
    gm.register_buffer(name, value.detach().clone())
    with gm.graph.inserting_before(node):
        bias = gm.graph.get_attr(name)
    if old is not None and "val" in old.meta:
        bias.meta["val"] = old.meta["val"]
    node.args = (*node.args[:2], bias, *node.args[3:])
