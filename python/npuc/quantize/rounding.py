# SPDX-License-Identifier: Apache-2.0
"""Compensated rounding: choose weight codes so that a layer's *output* error is small, not each weight's.

Rounding to nearest treats every weight alone. Here the weights of an output channel are rounded one after another, and
the error of each is made up for by those still to come, in the measure the layer's inputs correlate (Frantar et al.
2022, "GPTQ"; Hubara et al. 2020 for convolutions). With inputs x as columns and H = E[x x^T] + damping, minimise
(w - q)^T H (w - q) greedily along the Cholesky factor of H^-1.
"""

from collections.abc import Callable

import torch
from torch.fx import GraphModule, Node
from torch.nn import functional as F

from npuc.quantize.bias_correction import MeanRecorder
from npuc.quantize.graph import constant
from npuc.quantize.names import op_name

# share of the mean diagonal added to H: keeps it invertible where inputs are collinear
DAMPING = 0.01
# samples gathered, and positions taken from each; neighbours hardly differ
SAMPLES = 32
POSITIONS = 512
# beyond this, factoring H costs more than it gives (it grows with the third power); such a layer rounds to nearest
LARGEST_COLUMN = 1280
# weights rounded before the rest is told of their errors: one matrix product instead of many outer ones
BLOCK = 64


class MomentRecorder(MeanRecorder):
    """Also gathers H = sum of x x^T for each convolution and linear, by node name: (groups, K, K) f32."""

    def __init__(self, gm: GraphModule):
        super().__init__(gm)
        self.moments: dict[str, torch.Tensor] = {}

    def run_node(self, n: Node):
        value = super().run_node(n)
        if self.count < SAMPLES and is_roundable(n) and self.env[n.args[1]][0].numel() <= LARGEST_COLUMN:
            columns = _columns(n, self.env[n.args[0]], self.env[n.args[1]])
            moment = columns @ columns.transpose(1, 2)
            known = self.moments.get(n.name)
            self.moments[n.name] = moment if known is None else known + moment
        return value


def is_roundable(node: Node) -> bool:
    """Convolutions with numeric padding, and linears."""
    if node.op != "call_function" or op_name(node) not in ("conv2d", "linear"):
        return False
    return op_name(node) == "linear" or len(node.args) < 5 or not isinstance(node.args[4], str)


def _columns(node: Node, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Inputs of the products as columns: (groups, K, positions), K the weights of one output channel."""
    if op_name(node) == "linear":
        columns = x.reshape(-1, x.shape[-1]).t()[None]
    else:
        stride, padding, dilation, groups = (*node.args[3:7], *((1, 1), (0, 0), (1, 1), 1)[len(node.args[3:7]) :])
        kernel = tuple(weight.shape[2:])
        patches = F.unfold(x, kernel, dilation, padding, stride)
        columns = patches.reshape(x.shape[0], groups, -1, patches.shape[-1]).permute(1, 2, 0, 3).flatten(2)
    step = max(1, columns.shape[-1] // POSITIONS)
    return columns[..., ::step].contiguous()


def compensated(weight: torch.Tensor, scale: torch.Tensor, moment: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """The dequantized weights, each a multiple of its channel's scale.

    Args:
        weight: (O, ...) f32, output channels first.
        scale: (O,) per output channel.
        moment: (G, K, K), the groups' H; O is a multiple of G and K the product of the other extents of `weight`.
        low, high: the codes allowed.
    """
    groups, size, _ = moment.shape
    w = weight.reshape(groups, -1, size).clone()
    s = scale.reshape(groups, -1)
    diagonal = moment.diagonal(dim1=1, dim2=2)
    # the inputs that matter most first, while there are others left to make up for them
    order = diagonal.argsort(dim=1, descending=True, stable=True)
    w = w.gather(2, order[:, None, :].expand_as(w))
    h = moment.gather(1, order[:, :, None].expand_as(moment)).gather(2, order[:, None, :].expand_as(moment)).double()
    damping = DAMPING * diagonal.double().mean(1).clamp(min=1e-12)
    h = h + damping[:, None, None] * torch.eye(size, dtype=torch.float64)
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True).to(w.dtype)
    rounded, errors = torch.empty_like(w), torch.empty_like(w)
    for start in range(0, size, BLOCK):
        end = min(start + BLOCK, size)
        for k in range(start, end):
            rounded[..., k] = (w[..., k] / s).round().clamp(low, high) * s
            errors[..., k] = (w[..., k] - rounded[..., k]) / factor[:, k, k, None]
            w[..., k + 1 : end] -= errors[..., k, None] * factor[:, None, k, k + 1 : end]
        w[..., end:] -= errors[..., start:end] @ factor[:, start:end, end:]
    back = order.argsort(dim=1)
    return rounded.gather(2, back[:, None, :].expand_as(rounded)).reshape(weight.shape)


def round_weights(prepared: GraphModule, moments: dict[str, torch.Tensor], progress: Callable[[int, int], None] | None = None) -> int:
    """Replace the weights of a calibrated graph by their compensated roundings; returns the number of layers.

    The scales are the observers' and stay; `convert_pt2e` then finds every weight on its grid. The float module's own
    parameters are not touched: each layer gets a buffer of its own.
    """
    done = 0
    for node in list(prepared.graph.nodes):
        if node.name not in moments:
            continue
        observed = node.args[1]
        if observed.op != "call_module" or observed.args[0].op != "get_attr":
            continue
        source = observed.args[0]
        observer = prepared.get_submodule(str(observed.target))
        scale, _ = observer.calculate_qparams()
        weight = constant(prepared, source).detach()
        low, high = observer.quant_min, observer.quant_max
        # on the CPU wherever the module lives: the same codes then come out
        value = compensated(weight.cpu(), scale.cpu().to(weight.dtype), moments[node.name].cpu(), low, high).to(weight.device)
        name = f"rounded_weight_{node.name}"
        prepared.register_buffer(name, value)
        with prepared.graph.inserting_before(observed):
            fresh = prepared.graph.get_attr(name)
        fresh.meta = dict(source.meta)
        observed.replace_input_with(source, fresh)
        done += 1
        if progress:
            progress(done, len(moments))
    prepared.recompile()
    return done
