# SPDX-License-Identifier: Apache-2.0
"""Says which layer of the model could not be raised, and why, in the model's own words."""

from dataclasses import dataclass

from torch_mlir import ir

from npuc.dialects.base import spec_class
from npuc.errors import UnsupportedOp
from npuc.passes.base import functions, layer_name, location_names, refusal
from npuc.passes.convert_linalg_to_npu._match import attribute

# what every layer brings along, and what follows it: never the one to blame
_BESIDE = (
    "arith.constant", "tensor.empty", "linalg.fill", "linalg.broadcast", "linalg.transpose", "tensor.pad", "tensor.expand_shape",
    "tensor.collapse_shape", "tensor.extract_slice", "tensor.insert_slice", "tensor.cast", "npu.dequantize_channels",
)  # fmt: skip
_FRAME = ("func.return",)


@dataclass(frozen=True)
class Reason:
    """The rule that a layer breaks, what would keep it, and what the user can change."""

    rule: str
    wanted: str
    advice: str


_NORM = Reason(
    "normalisation is part of the layer before it",
    "batch normalisation in eval mode, which folds into the convolution before it",
    "train with batch normalisation, or split the model in front of this layer",
)
_LOOP = Reason(
    "a layer has one integer form for all positions",
    "convolutions, matrix products and elementwise functions",
    "split the model around this layer",
)
_MOVES = Reason(
    "data moves by reshape, transpose, slice, concat, pad with a constant and nearest resize", "one of these",
    "write the layer with these, or take it out of the model",
)  # fmt: skip
_TWO = Reason("two activations are added, subtracted or multiplied", "add, sub, mul or matmul", "write the layer with these")
_MAXIMUM = Reason(
    "maxima are taken over windows, or over height and width", "max_pool2d, or amax over dimensions 2 and 3", "use one of these"
)

_CHOICE = Reason("a choice is a function of one quantized value", "clamp, ReLU or LeakyReLU", "write the choice with these")

# ATen's names of the layer -> reason
_REASONS: dict[tuple[str, ...], Reason] = {
    ("conv3d",): Reason(
        "convolutions have one or two spatial dimensions", "conv1d or conv2d", "fold one dimension into the batch or the channels"
    ),
    ("conv_transpose3d",): Reason(
        "transposed convolutions have one or two spatial dimensions", "conv_transpose1d or conv_transpose2d", "fold one dimension into the batch"
    ),
    ("max_pool1d", "max_pool2d"): Reason("max pooling takes neighbouring positions", "dilation 1", "use dilation=1"),
    ("avg_pool1d", "avg_pool2d"): Reason(
        "every window lies inside the padded image", "ceil_mode=False", "pad the input and pool with ceil_mode=False"
    ),
    ("adaptive_avg_pool2d",): Reason(
        "adaptive pooling has windows of one size",
        "an output extent that divides the input's",
        "choose another output size or resize the input",
    ),
    ("layer_norm", "group_norm", "instance_norm", "rms_norm"): _NORM,
    ("lstm", "gru", "rnn_tanh", "rnn_relu", "cumsum", "sort", "topk"): _LOOP,
    ("flip", "roll", "index", "gather", "index_select", "pad", "upsample_bilinear2d", "_upsample_nearest_exact2d"): _MOVES,
    ("maximum", "minimum", "div", "atan2", "remainder"): _TWO,
    ("adaptive_max_pool2d", "amax", "amin", "max", "min"): _MAXIMUM,
    ("where", "gt", "ge", "lt", "le"): _CHOICE,
    ("scaled_dot_product_attention",): Reason("attention is products and a softmax", "matmul, softmax, matmul", "write the attention out"),
    ("glu",): Reason("a gate is a product", "slices, a sigmoid and a product", "write the gate out"),
}
_BY_ATEN = {name: reason for names, reason in _REASONS.items() for name in names}
_UNQUANTIZED = Reason(
    "between the first and the last NPU op every value is quantized",
    "one of the ops that `npuc ops` lists, its inputs and its result quantized",
    "replace the layer by supported ones, or move it to the beginning or the end of the model",
)


def refuse_leftovers(module: ir.Module) -> None:
    """Holds the module to npuc's own ops.

    Raises:
        UnsupportedOp: an op of another dialect, or a float function, is left.
    """
    for function in functions(module):
        block = function.operation.regions[0].blocks[0]
        left = [view.operation for view in block.operations if not _known(view.operation)]
        if left:
            raise _error(next((op for op in left if op.name not in _BESIDE), left[-1]))


def _known(op: ir.Operation) -> bool:
    return op.name in _FRAME or op.name == "npu.constant" or spec_class(op) is not None


def _error(op: ir.Operation) -> UnsupportedOp:
    aten = ".".join(next(iter(location_names(op.location)[1:]), "").split(".")[:2])
    name = aten.removeprefix("aten.")
    kind = attribute(op, "kind") if op.name == "npu.float_op" else op.name
    reason = _BY_ATEN.get(name, _BY_ATEN.get(kind, _UNQUANTIZED))
    found = f"{aten}, as {kind}" if aten else kind
    layer = layer_name(op)
    subject = f"layer '{layer}'" if layer else f"'{aten or kind}'"
    return refusal(
        op, UnsupportedOp, f"{subject} has no form on the NPU", rule=reason.rule, found=found, wanted=reason.wanted, advice=reason.advice
    )  # fmt: skip
