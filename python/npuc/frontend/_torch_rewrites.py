# SPDX-License-Identifier: Apache-2.0
"""Ops that torch-mlir lowers wrongly or to something else than their two-dimensional kin, rewritten to these before the import.

    conv1d, conv_transpose1d,        the same in two dimensions, on rows of height 1
    max_pool1d, avg_pool1d
    conv2d(padding="same")           a pad, and a convolution without padding (torch-mlir forgets the pad of an even kernel)
    reflection_pad, replication_pad  rows and columns side by side (torch-mlir reads single elements, which leaves the NPU)
    index by one constant list       index_select (the importer takes no list of tensors and None)

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
            for spec in program.graph_signature.output_specs:
                if getattr(spec.arg, "name", None) == node.name:
                    spec.arg.name = replacement.name
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


def _conv_transpose1d(add: _Builder, x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1) -> Node | None:
    if x.meta["val"].dim() != 3:
        return None
    operands = (add(aten.unsqueeze.default, x, 2), add(aten.unsqueeze.default, weight, 2), bias)
    window = (_pair(stride, 1), _pair(padding, 0), _pair(output_padding, 0), groups, _pair(dilation, 1))
    return add(aten.squeeze.dim, add(aten.conv_transpose2d.input, *operands, *window), 2)


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


def _mirrored(add: _Builder, x, padding) -> Node:
    """A border of `before` positions holds positions before .. 1, one behind the end the last but one and those before it."""
    for axis, before, after in _borders(x, padding):
        extent = x.meta["val"].shape[axis]
        lines = [*range(before, 0, -1), None, *range(extent - 2, extent - 2 - after, -1)]
        x = _lines(add, x, axis, lines)
    return x


def _repeated(add: _Builder, x, padding) -> Node:
    for axis, before, after in _borders(x, padding):
        extent = x.meta["val"].shape[axis]
        x = _lines(add, x, axis, [*[0] * before, None, *[extent - 1] * after])
    return x


def _borders(x, padding) -> list[tuple[int, int, int]]:
    """(axis, before, after) of a list that begins with the last axis; negative ones cut, which a pad does as well."""
    rank = x.meta["val"].dim()
    return [(rank - 1 - i // 2, padding[i], padding[i + 1]) for i in range(0, len(padding), 2)]


def _lines(add: _Builder, x: Node, axis: int, lines: list[int | None]) -> Node:
    """Positions of one axis side by side; None stands for all of `x`."""
    parts = [x if line is None else add(aten.slice.Tensor, x, axis, line, line + 1) for line in lines]
    return add(aten.cat.default, parts, axis) if len(parts) > 1 else x


def _pad_inside(rule: Callable[..., Node]) -> Callable[..., Node | None]:
    """The rule for borders that add positions."""
    return lambda add, x, padding: rule(add, x, padding) if min(padding) >= 0 else None


def _index(add: _Builder, x, indices) -> Node | None:
    """A list on one axis, which must be a constant: numbers computed by the network are no positions known beforehand."""
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    if len(axes) != 1 or indices[axes[0]].meta["val"].dim() != 1 or indices[axes[0]].meta["val"].dtype not in (torch.int64, torch.int32):
        return None
    return add(aten.index_select.default, x, axes[0], indices[axes[0]])


_RULES: dict[Any, Callable[..., Node | None]] = {
    aten.conv1d.default: _conv1d,
    aten.conv1d.padding: _conv1d,
    aten.conv2d.padding: _conv2d_padding,
    aten.conv_transpose1d.default: _conv_transpose1d,
    aten.index.Tensor: _index,
    aten.max_pool1d.default: _max_pool1d,
    aten.reflection_pad1d.default: _pad_inside(_mirrored),
    aten.reflection_pad2d.default: _pad_inside(_mirrored),
    aten.replication_pad1d.default: _pad_inside(_repeated),
    aten.replication_pad2d.default: _pad_inside(_repeated),
    aten.avg_pool1d.default: _avg_pool1d,
}
