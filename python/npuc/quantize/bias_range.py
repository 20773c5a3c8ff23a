# SPDX-License-Identifier: Apache-2.0
"""Keep every bias inside the i32 accumulator it is added to.

A bias becomes `round(b / (input scale * weight scale))`. A channel whose weights are (nearly) zero, or a layer whose
input is, has so small a scale that this overflows. Such a channel is widened: a coarser weight scale costs nothing
where the weights hardly count.
"""

import torch
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import ObserverBase, PerChannelMinMaxObserver

from npuc.quantize.bias_correction import is_weighted
from npuc.quantize.graph import constant

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


def _observer(gm: GraphModule, node: Node) -> ObserverBase | None:
    if node.op != "call_module":
        return None
    module = gm.get_submodule(str(node.target))
    return module if isinstance(module, ObserverBase) else None
