# SPDX-License-Identifier: Apache-2.0
"""Rewrites of an exported float graph that make it easier to quantize. None of them changes what it computes."""

import torch
from torch.fx import GraphModule, Node

from npuc.quantize.names import op_name
from npuc.quantize.rules import IDENTITY

aten = torch.ops.aten
_CONVOLUTIONS = {"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear"}


def protect_shared_convolutions(gm: GraphModule) -> None:
    """Hide a convolution from batch-norm folding where something else reads its result too.

    Folding rewrites the weights in place and hands *every* reader the normalised value, which is wrong for the
    other readers. A clone in between stops it; `drop_identities` takes the clone out again.
    """
    for node in list(gm.graph.nodes):
        if op_name(node) != "batch_norm":
            continue
        source = node.args[0]
        if op_name(source) not in _CONVOLUTIONS or len(source.users) == 1:
            continue
        with gm.graph.inserting_before(node):
            clone = gm.graph.call_function(aten.clone.default, (source,))
        clone.meta = dict(source.meta)
        node.replace_input_with(source, clone)
    gm.recompile()


def functionalize(gm: GraphModule) -> None:
    """Replace in-place ops by their functional forms.

    A quantize/dequantize pair between an in-place op and the tensor's other readers would cut the alias, and the
    result would depend on where observers stand. Readers after the op see its result, as they did before.
    In-place ops on a tensor that a view also reaches are left alone (and stay float).
    """
    for node in list(gm.graph.nodes):
        functional = _functional_form(node)
        if functional is None:
            continue
        target = node.args[0]
        if _has_views(target):
            continue
        with gm.graph.inserting_before(node):
            new = gm.graph.call_function(functional, node.args, node.kwargs)
        new.meta = dict(node.meta)
        for reader in [user for user in target.users if user > node]:
            reader.replace_input_with(target, new)
        node.replace_all_uses_with(new)
        gm.graph.erase_node(node)
    gm.recompile()


def _functional_form(node: Node):
    """The overload without the trailing underscore, or None where the node is not in-place or has no such form."""
    schema = getattr(node.target, "_schema", None)
    if node.op != "call_function" or schema is None or not schema.name.startswith("aten::"):
        return None
    name = schema.name.removeprefix("aten::")
    if not name.endswith("_") or not schema.arguments or not schema.arguments[0].is_write:
        return None
    packet = getattr(aten, name[:-1], None)
    return getattr(packet, schema.overload_name or "default", None)


def _has_views(node: Node) -> bool:
    """Whether a view of this value, or the value it views, is read elsewhere."""
    aliases = [user for user in node.users if _is_view(user)]
    return bool(aliases) or (_is_view(node) and len(node.args[0].users) > 1)


def _is_view(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.returns:
        return False
    alias = schema.returns[0].alias_info
    return alias is not None and not alias.is_write


def drop_identities(gm: GraphModule) -> None:
    """Remove dropout, clone and their like: at inference they return their operand."""
    for node in list(gm.graph.nodes):
        if op_name(node) in IDENTITY and node.op == "call_function":
            node.replace_all_uses_with(node.args[0])
            gm.graph.erase_node(node)
    gm.recompile()


def batch_norm_to_depthwise(gm: GraphModule) -> None:
    """Turn a batch norm that no convolution could take up (4-D input) into a 1x1 depthwise convolution.

    y[n,c,h,w] = x[n,c,h,w] * k[c] + b[c] with k = gamma / sqrt(var + eps), b = beta - mean * k.
    """
    for node in list(gm.graph.nodes):
        if op_name(node) != "batch_norm" or node.args[0].meta["val"].dim() != 4:
            continue
        x, gamma, beta, mean, var, training, _, eps = node.args[:8]
        if training or not all(n is None or n.op == "get_attr" for n in (gamma, beta, mean, var)):
            continue
        mean_value, var_value = constant(gm, mean), constant(gm, var)
        factor = torch.rsqrt(var_value + eps)
        if gamma is not None:
            factor = factor * constant(gm, gamma)
        offset = -mean_value * factor
        if beta is not None:
            offset = offset + constant(gm, beta)
        stem = f"{node.name}_as_depthwise"
        gm.register_buffer(f"{stem}_weight", factor.detach().reshape(-1, 1, 1, 1).clone())
        gm.register_buffer(f"{stem}_bias", offset.detach().clone())
        with gm.graph.inserting_before(node):
            operands = (x, gm.graph.get_attr(f"{stem}_weight"), gm.graph.get_attr(f"{stem}_bias"))
            conv = gm.graph.call_function(aten.conv2d.default, (*operands, [1, 1], [0, 0], [1, 1], factor.numel()))
        conv.meta = dict(node.meta)
        node.replace_all_uses_with(conv)
        gm.graph.erase_node(node)
    gm.graph.eliminate_dead_code()
    gm.recompile()


def constant(gm: GraphModule, node: Node) -> torch.Tensor:
    """The tensor behind a `get_attr` node."""
    value = gm
    for part in str(node.target).split("."):
        value = getattr(value, part)
    return value


def is_constant(node: Node) -> bool:
    """Whether a value depends on parameters and buffers alone, so that PT2E can fold its quantized form."""
    if node.op == "get_attr":
        return True
    if node.op != "call_function" or not node.all_input_nodes:
        return False
    return all(is_constant(source) for source in node.all_input_nodes)


def is_float(node: Node) -> bool:
    """Whether a node's value is a float32 tensor: nothing else is quantized."""
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype == torch.float32
