# SPDX-License-Identifier: Apache-2.0
"""Biases as the machine holds them: i32, in steps of the accumulator they are added to.

A bias becomes `round(b / (input scale * weight scale))`. The converted graph gets the rounded value too: left as it was, one
output in some thousands would round to another code than on the machine, and every layer behind it spreads the difference.

A channel whose weights are (nearly) zero, or a layer whose
input is, has so small a scale that this overflows. Such a channel is widened: a coarser weight scale costs nothing
where the weights hardly count.
"""

import torch
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import ObserverBase, PerChannelMinMaxObserver

from npuc.quantize.bias_correction import is_weighted
from npuc.quantize.graph import constant
from npuc.quantize.names import op_name

# leaves the other half of the accumulator to the products
LARGEST_BIAS = 2.0**30


def make_room_for_biases(prepared: GraphModule) -> int:
    """Widen weight ranges in a calibrated graph so that each |bias code| <= 2^30.

    scale_w[c] >= |b[c]| / (scale_x * 2^30). Returns the number of channels widened.
    """
    widened = 0
    for node in prepared.graph.nodes:
        bias_node = node.args[2] if is_weighted(node) and len(node.args) > 2 else None
        if bias_node is None or bias_node.op != "get_attr":
            continue
        inputs, weights = _observer(prepared, node.args[0]), _observer(prepared, node.args[1])
        if inputs is None or not isinstance(weights, PerChannelMinMaxObserver):
            continue
        scale = float(inputs.calculate_qparams()[0])  # pyright: ignore[reportOptionalSubscript]
        bias = constant(prepared, bias_node).detach().abs()
        channels = weights.max_val.numel()
        # a grouped transposed convolution shares one weight scale among the groups
        needed = bias.reshape(-1, channels).amax(0) * weights.quant_max / (scale * LARGEST_BIAS)
        widened += int((needed > torch.maximum(weights.max_val, -weights.min_val)).sum())
        weights.max_val.copy_(torch.maximum(weights.max_val, needed.to(weights.max_val.dtype)))
    return widened


def round_biases(converted: GraphModule) -> int:
    """Put every bias of a converted graph on the grid of its accumulator; returns the number of layers.

    Each layer gets a buffer of its own: the float module's parameters are shared with the user's and are not touched.
    """
    done = 0
    for node in list(converted.graph.nodes):
        bias_node = node.args[2] if is_weighted(node) and len(node.args) > 2 else None
        if bias_node is None or bias_node.op != "get_attr":
            continue
        step = _accumulator_step(converted, node)
        if step is None:
            continue
        bias = constant(converted, bias_node).detach()
        # a grouped transposed convolution shares one weight scale among the groups
        steps = step.repeat(bias.numel() // step.numel()).to(bias.device)
        name = f"rounded_bias_{node.name}"
        converted.register_buffer(name, ((bias.double() / steps).round() * steps).to(bias.dtype))
        with converted.graph.inserting_before(node):
            fresh = converted.graph.get_attr(name)
        fresh.meta = dict(bias_node.meta)
        node.args = (*node.args[:2], fresh, *node.args[3:])
        done += 1
    converted.graph.lint()
    converted.recompile()
    return done


def _accumulator_step(gm: GraphModule, node: Node) -> torch.Tensor | None:
    """f64, one an output channel: input scale times weight scale; None where either is not quantized or not known yet."""
    x, weight = node.args[:2]
    if op_name(x) != "dequantize_per_tensor" or op_name(weight) != "dequantize_per_channel":
        return None
    scales = weight.args[1]
    if scales.op != "get_attr" or not isinstance(x.args[1], float):
        return None
    return constant(gm, scales).double() * float(x.args[1])


def _observer(gm: GraphModule, node: Node) -> ObserverBase | None:
    if node.op != "call_module":
        return None
    module = gm.get_submodule(str(node.target))
    return module if isinstance(module, ObserverBase) else None
