# SPDX-License-Identifier: Apache-2.0
"""The model's own layer names, stamped on the nodes of an exported graph.

A name is the path of the `torch.nn` module that a node came from (`layer3.0.conv2`). A function called in a
container's `forward` has no module of its own and gets the container's path and the op (`layer3.0/add`); a second
one of the same name gets a number (`layer3.0/relu_1`).

The stamp is `node.meta["custom"]["npuc.layer"]`: of all node metadata only `custom` and `nn_module_stack` survive
both re-export and decomposition, and the latter is not set on the quantize and dequantize nodes that PT2E inserts.
"""

import operator
from collections import Counter

from torch.fx import Graph, Node

STAMP = "npuc.layer"


def op_name(node: Node) -> str:
    """The plain name of a node's ATen op: `relu` for `aten.relu_.default`, empty where there is none."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return ""
    return schema.name.split("::")[-1].rstrip("_")


def is_quantize_op(node: Node) -> bool:
    """Whether PT2E put this node there: quantize, dequantize and their relatives."""
    return getattr(node.target, "namespace", "") in ("quantized_decomposed", "torchao")


def layer_name(node: Node) -> str:
    """The stamped name, empty where there is none."""
    return node.meta.get("custom", {}).get(STAMP, "")


def stamp(node: Node, name: str) -> None:
    """Give a node its layer name. The dict is copied: nodes share metadata after `node_copy`."""
    node.meta["custom"] = {**node.meta.get("custom", {}), STAMP: name}


def stamp_layer_names(graph: Graph) -> None:
    """Stamp every node of a freshly exported graph that has no name yet."""
    used: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == "placeholder":
            stamp(node, node.name)
        if node.op != "call_function" or layer_name(node) or is_quantize_op(node):
            continue
        if node.target is operator.getitem:
            stamp(node, layer_name(node.args[0]))
            continue
        name = _own_name(node)
        count = used[name]
        used[name] += 1
        stamp(node, f"{name}_{count}" if count else name)
    stamp_inserted(graph)


def stamp_inserted(graph: Graph) -> None:
    """Name the nodes PT2E inserted: a quantize or dequantize belongs to the layer that made its value.

    A weight has no layer of its own; its dequantize takes the name of the layer that uses it.
    """
    for node in graph.nodes:
        if node.op == "call_function" and not layer_name(node) and isinstance(node.args[0], Node):
            stamp(node, layer_name(node.args[0]))
    for node in reversed(graph.nodes):
        if node.op == "call_function" and not layer_name(node):
            users = [layer_name(user) for user in node.users if layer_name(user)]
            stamp(node, users[0] if users else "")


def _own_name(node: Node) -> str:
    path, class_name = _innermost_module(node)
    op = op_name(node) or node.name
    if path and (class_name.startswith("torch.nn.modules.") or _weight_owner(node) == path):
        return path
    return f"{path}/{op}" if path else op


def _innermost_module(node: Node) -> tuple[str, str]:
    """(path, qualified class name) of the module whose `forward` made this node."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return "", ""
    path, kind = list(stack.values())[-1]
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    # a re-exported program prefixes paths with its own root
    return path.removeprefix("L['self'].").split("@")[0], kind


def _weight_owner(node: Node) -> str:
    """The module path of the first parameter among a node's operands: its class may be anybody's, `weight` is its."""
    for source in node.all_input_nodes:
        if source.op == "get_attr":
            return str(source.target).rpartition(".")[0]
    return ""
