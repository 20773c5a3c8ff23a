# SPDX-License-Identifier: Apache-2.0
"""Makes an `npu.pad` the padding of the op that reads it.

- conv2d, depthwise_conv2d: the border holds the zero point, so it contributes 0, as padding does.
- avg_pool2d: the same, and the divisor must count the border: either it counts padding already, or the op has no padding of its own,
  so that every divisor is KH * KW; it counts padding from then on.
- max_pool2d: padding takes no part, so the border must not win: it holds -128, or no more than the least value of the input.
- pad: two borders of one value are one. A pad of nothing goes.

Only rows and columns can be padded by a window; and a window must reach further than its padding, or the pad stays.
"""

from dataclasses import dataclass, replace
from typing import Any

from torch_mlir import ir, rewrite

from npuc.dialects.base import spec_class, spec_of
from npuc.ops.avg_pool2d import AvgPool2d
from npuc.ops.conv2d import Conv2d
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.ops.max_pool2d import MaxPool2d
from npuc.ops.pad import Pad
from npuc.passes.base import Pass, apply_patterns, defining, replace_op
from npuc.passes.npu_fuse_activations import bounds

_LEAST = -128
Window = Conv2d | DepthwiseConv2d | AvgPool2d | MaxPool2d


@dataclass(frozen=True)
class NpuFusePads(Pass):
    def run(self, module: ir.Module) -> None:
        windows = ("npu.conv2d", "npu.depthwise_conv2d", "npu.avg_pool2d", "npu.max_pool2d")
        apply_patterns(module, ("npu.pad", _fuse_pad), *((name, _fuse_window) for name in windows))


def _fuse_window(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    producer = defining(op.operands[0], "npu.pad")
    if producer is None:
        return True
    window: Any = spec_of(op)
    new = _padded(window, producer)
    if new is None or any(new.problems()):
        return True
    replace_op(rewriter, op, new, [producer.operands[0], *list(op.operands)[1:]])
    return False


def _padded(window: Window, producer: ir.Operation) -> Window | None:
    """The window op on the input of the pad, None where bits would change."""
    pad = spec_of(producer)
    assert isinstance(pad, Pad)
    if any(pad.pads[:2] + pad.pads[6:]):
        return None
    before = window.pads
    pads = tuple(own + more for own, more in zip(before, pad.pads[2:6], strict=True))
    inputs = (pad.inputs[0], *window.inputs[1:])
    match window:
        case Conv2d() | DepthwiseConv2d() if pad.value == window.zp_x:
            return replace(window, inputs=inputs, pads=pads)
        case MaxPool2d() if pad.value == _LEAST or pad.value <= _least(producer.operands[0]):
            return replace(window, inputs=inputs, pads=pads)
        case AvgPool2d() if pad.value == window.zp_x and (window.count_include_pad or not any(before)):
            # without padding of its own every divisor was KH * KW, the last record's
            rescale = replace(window.rescale, multiplier=window.rescale.multiplier[-1:], shift=window.rescale.shift[-1:])
            return replace(window, inputs=inputs, pads=pads, count_include_pad=True, rescale=rescale)
    return None


def _least(value: ir.Value) -> int:
    """A bound from below on what `value` holds."""
    producer = defining(value)
    return bounds(spec_of(producer))[0] if producer is not None and spec_class(producer) is not None else _LEAST


def _fuse_pad(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    op = view.operation
    pad = spec_of(op)
    assert isinstance(pad, Pad)
    if not any(pad.pads):
        rewriter.replace_op(op, [op.operands[0]])
        return False
    producer = defining(op.operands[0], "npu.pad")
    if producer is None:
        return True
    inner = spec_of(producer)
    assert isinstance(inner, Pad)
    if inner.value != pad.value:
        return True
    pads = tuple(own + more for own, more in zip(pad.pads, inner.pads, strict=True))
    replace_op(rewriter, op, replace(pad, inputs=inner.inputs, pads=pads), [producer.operands[0]])
    return False
