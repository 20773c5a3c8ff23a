# SPDX-License-Identifier: Apache-2.0
"""How a network is quantized for the NPU: what is observed, and which tensors share parameters.

Weights are int8, symmetric, one scale per output channel (codes -127..127). Activations are int8, affine, one scale
and zero point per tensor (codes -128..127). A bias has no observer: `bias_range` puts it on the grid of the
accumulator, input scale times weight scale, where the compiler makes it an i32.
"""

import torch
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import HistogramObserver, MinMaxObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantizer import (
    FixedQParamsQuantizationSpec,
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
    SharedQuantizationSpec,
)
from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

from npuc.errors import UserInputError
from npuc.quantize import rules
from npuc.quantize.graph import batch_norm_to_depthwise, drop_identities, functionalize, is_constant, is_float
from npuc.quantize.names import layer_name, op_name

OBSERVERS = {"minmax": MinMaxObserver, "histogram": HistogramObserver}


class NpuQuantizer(Quantizer):
    """Annotates an exported float graph for `prepare_pt2e`.

    Args:
        observer: "minmax" takes the smallest and largest value seen; "histogram" the range with the least squared
            error, which may cut off outliers.

    Attributes:
        float_ops: after annotation, (layer, op) of every float op that no rule knew.

    Errors: `UserInputError` for an unknown observer.
    """

    float_ops: tuple[tuple[str, str], ...] = ()

    def __init__(self, observer: str = "minmax"):
        if observer not in OBSERVERS:
            raise UserInputError("unknown observer", found=repr(observer), wanted=" or ".join(map(repr, OBSERVERS)))
        self.activation = QuantizationSpec(
            dtype=torch.int8,
            quant_min=-128,
            quant_max=127,
            qscheme=torch.per_tensor_affine,
            observer_or_fake_quant_ctr=OBSERVERS[observer],
        )

    def transform_for_annotation(self, model: GraphModule) -> GraphModule:
        """Bring the graph (batch norms already folded) into the form the rules speak about."""
        functionalize(model)
        drop_identities(model)
        batch_norm_to_depthwise(model)
        return model

    def annotate(self, model: GraphModule) -> GraphModule:
        """Annotate every node that a rule knows, producers before consumers. The rest stays float."""
        for node in model.graph.nodes:
            if node.op == "call_function" and Q_ANNOTATION_KEY not in node.meta:
                self._annotate_node(node)
        plain = [n for n in model.graph.nodes if n.op == "call_function" and Q_ANNOTATION_KEY not in n.meta]
        self.float_ops = tuple((layer_name(n), op_name(n)) for n in plain if is_float(n) and not is_constant(n))
        return model

    def validate(self, model: GraphModule) -> None:
        """Nothing to refuse here: legality is asked of the target, after conversion."""

    def _annotate_node(self, node: Node) -> None:
        op = op_name(node)
        if op in rules.SPLIT:
            return self._annotate_split(node)
        if not is_float(node):
            return None
        if op in rules.WEIGHTED:
            return self._annotate_weighted(node, rules.WEIGHTED[op])
        if op in rules.CONCAT:
            return self._annotate_concat(node)
        if op in rules.SHARED:
            return self._annotate_shared(node)
        if self._is_computed(node, op):
            return self._annotate_computed(node, op)
        return None

    def _is_computed(self, node: Node, op: str) -> bool:
        tensors = _activations(node, op)
        if op in rules.BINARY or op in rules.MATMUL:
            return all(is_float(t) or t.op == "get_attr" for t in tensors)
        if op in rules.UNARY:
            # rsub, div and pow by a number are functions of one value; of two tensors they are not
            return len(tensors) == 1 and is_float(tensors[0])
        known = op in rules.AVERAGE or op in rules.CLAMP or op in rules.FIXED
        return known and is_float(tensors[0])

    def _annotate_weighted(self, node: Node, channel_axis: int) -> None:
        x, weight = node.args[:2]
        inputs = {x: self.activation}
        # a weight computed from activations is an activation: such a linear is a matrix product
        inputs[weight] = weight_spec(channel_axis) if is_constant(weight) else self.activation
        self._finish(node, inputs, self.activation)

    def _annotate_computed(self, node: Node, op: str) -> None:
        inputs = dict.fromkeys(_activations(node, op), self.activation)
        self._finish(node, inputs, fixed_spec(op) or self.activation)

    def _finish(self, node: Node, inputs: dict, output) -> None:
        """Set the inputs on the op and the output on the last clamp behind it."""
        last = node
        while (clamp := _only_clamp_after(last)) is not None:
            # marks the clamp as done; its own input stays unobserved
            clamp.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(_annotated=True)
            last = clamp
        if last is node:
            _set(node, inputs, output)
            return
        _set(node, inputs, None)
        # a clamp may leave the range that the fixed parameters stand for, never the observed one
        _set(last, {}, self.activation)

    def _annotate_shared(self, node: Node) -> None:
        x = node.args[0]
        if op_name(node) in ("pad", "constant_pad_nd") and not _pads_finite(node):
            return
        _set(node, {x: self._spec_of(x)}, SharedQuantizationSpec((x, node)))

    def _annotate_split(self, node: Node) -> None:
        x = node.args[0]
        if not is_float(x):
            return
        _set(node, {x: self._spec_of(x)}, None)
        for part in node.users:
            _set(part, {}, SharedQuantizationSpec((x, node)))

    def _annotate_concat(self, node: Node) -> None:
        parts = list(dict.fromkeys(node.args[0]))
        if not all(is_float(x) or x.op == "get_attr" for x in parts):
            return
        # two concats of the same tensors in other orders must not wait for one another: all go with what was computed first
        first = min(parts)
        shared = SharedQuantizationSpec((first, node))
        inputs = {x: self.activation if x is first else shared for x in parts}
        _set(node, inputs, shared)

    def _spec_of(self, x: Node):
        """What `x` already has, so that fixed parameters travel through reshapes; else an observer of its own."""
        annotation = x.meta.get(Q_ANNOTATION_KEY)
        if annotation is not None and annotation.output_qspec is not None:
            return SharedQuantizationSpec(x)
        return self.activation


def _activations(node: Node, op: str) -> list[Node]:
    """The tensors that get codes; a slope stays a real number, because it ends in a scale or a table."""
    return node.all_input_nodes[:1] if op == "prelu" else node.all_input_nodes


def weight_spec(channel_axis: int) -> QuantizationSpec:
    """int8 codes -127..127, symmetric, one scale per index of `channel_axis`."""
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=channel_axis,
        observer_or_fake_quant_ctr=PerChannelMinMaxObserver,
    )


def fixed_spec(op: str) -> FixedQParamsQuantizationSpec | None:
    """The parameters of an op whose range is known beforehand, else None."""
    if op not in rules.FIXED:
        return None
    scale, zero_point = rules.FIXED[op]
    return FixedQParamsQuantizationSpec(
        dtype=torch.int8,
        scale=scale,
        zero_point=zero_point,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
    )


def _set(node: Node, inputs: dict, output) -> None:
    node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(input_qspec_map=inputs, output_qspec=output, _annotated=True)


def _only_clamp_after(node: Node) -> Node | None:
    """The clamp that is the sole reader of `node` and reads nothing else, else None."""
    if len(node.users) != 1:
        return None
    user = next(iter(node.users))
    if op_name(user) in rules.CLAMP and user.all_input_nodes == [node]:
        return user
    return None


def _pads_finite(node: Node) -> bool:
    """Whether a pad adds values an int8 tensor can hold. Minus infinity stands before max pools written by hand."""
    value = node.args[3] if len(node.args) > 3 else None
    if op_name(node) == "constant_pad_nd":
        value = node.args[2] if len(node.args) > 2 else None
    return value is None or abs(float(value)) < float("inf")
