# SPDX-License-Identifier: Apache-2.0
"""Ops that torch-mlir lowers wrongly or to something else than their two-dimensional kin, rewritten to these before the import.

    conv1d, max_pool1d, avg_pool1d   the same in two dimensions, on rows of height 1
    conv2d(padding="same")           a pad, and a convolution without padding (torch-mlir forgets the pad of an even kernel)

What stands between quantize and dequantize stays there.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Graph, Node

aten = torch.ops.aten


def rewrite_program(program: ExportedProgram) -> ExportedProgram:
    """Rewrites a decomposed program in place."""
    graph = program.graph
    for node in list(graph.nodes):
        rule = _RULES.get(node.target) if node.op == "call_function" else None
        if rule is None:
            continue
        with graph.inserting_before(node):
            replacement = rule(_Builder(graph, node), *node.args)
        if replacement is not None:
            node.replace_all_uses_with(replacement)
            graph.erase_node(node)
    graph.lint()
    program.graph_module.recompile()
    return program


class _Builder:
    """Adds ops that carry the layer name of the node they replace."""

    def __init__(self, graph: Graph, node: Node):
        self.graph, self.node = graph, node

    def __call__(self, target: Any, *args: Any) -> Node:
        made = self.graph.call_function(target, args)
        made.meta = {key: self.node.meta[key] for key in ("custom", "from_node") if key in self.node.meta}
        made.meta["val"] = target(*torch.fx.node.map_arg(args, lambda one: one.meta["val"]))
        return made


def _pair(values: Any, beside: int) -> list[int]:
    """[extent] or extent of one dimension, as that of (height 1, width)."""
    return [beside, values[0] if isinstance(values, list | tuple) else values]


def _conv1d(add: _Builder, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> Node | None:
    if x.meta["val"].dim() != 3:
        return None
    operands = (add(aten.unsqueeze.default, x, 2), add(aten.unsqueeze.default, weight, 2), bias)
    if isinstance(padding, str):
        rows = _conv2d_padding(add, *operands, _pair(stride, 1), padding, _pair(dilation, 1), groups)
    else:
        rows = add(aten.conv2d.default, *operands, _pair(stride, 1), _pair(padding, 0), _pair(dilation, 1), groups)
    return add(aten.squeeze.dim, rows, 2)


def _conv2d_padding(add: _Builder, x, weight, bias=None, stride=(1, 1), padding="valid", dilation=(1, 1), groups=1) -> Node:
    pads: list[int] = []
    for extent, step in zip(reversed(weight.meta["val"].shape[2:]), reversed(dilation), strict=True):
        total = step * (extent - 1) if padding == "same" else 0
        pads += [total // 2, total - total // 2]
    if pads[0] == pads[1] and pads[2] == pads[3]:
        return add(aten.conv2d.default, x, weight, bias, list(stride), [pads[2], pads[0]], list(dilation), groups)
    padded = add(aten.constant_pad_nd.default, x, pads, 0.0)
    return add(aten.conv2d.default, padded, weight, bias, list(stride), [0, 0], list(dilation), groups)


def _max_pool1d(add: _Builder, x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False) -> Node | None:
    if x.meta["val"].dim() != 3:
        return None
    window = (_pair(kernel, 1), _pair(stride or kernel, 1), _pair(padding, 0), _pair(dilation, 1), ceil_mode)
    return add(aten.squeeze.dim, add(aten.max_pool2d.default, add(aten.unsqueeze.default, x, 2), *window), 2)


def _avg_pool1d(add: _Builder, x, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True) -> Node | None:
    if x.meta["val"].dim() != 3:
        return None
    window = (_pair(kernel, 1), _pair(stride or kernel, 1), _pair(padding, 0), ceil_mode, count_include_pad)
    return add(aten.squeeze.dim, add(aten.avg_pool2d.default, add(aten.unsqueeze.default, x, 2), *window), 2)


_RULES: dict[Any, Callable[..., Node | None]] = {
    aten.conv1d.default: _conv1d,
    aten.conv1d.padding: _conv1d,
    aten.conv2d.padding: _conv2d_padding,
    aten.max_pool1d.default: _max_pool1d,
    aten.avg_pool1d.default: _avg_pool1d,
}
