# SPDX-License-Identifier: Apache-2.0
"""linalg.conv_2d_nchw_fchw and, grouped, linalg.conv_2d_ngchw_gfchw -> npu.conv2d."""

from torch_mlir import ir

from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._conv import convolution, kernel_of, window
from npuc.passes.convert_linalg_to_npu._match import Root

ROOTS = ("linalg.conv_2d_nchw_fchw", "tensor.collapse_shape")
GROUPED = "linalg.conv_2d_ngchw_gfchw"


def convert(root: Root) -> ir.Value | None:
    """O I H W weights become O H W I."""
    grouped = root.op.name == "tensor.collapse_shape"
    op = defining(root.op.operands[0], GROUPED) if grouped else root.op
    if op is None:
        return None
    expanded = defining(op.operands[0], "tensor.expand_shape") if grouped else None
    found = window(expanded.operands[0] if expanded is not None else op.operands[0])
    kernel = kernel_of(op.operands[1])
    if found is None or kernel is None or (grouped and expanded is None):
        return None
    groups = found.x.shape[1] // kernel.codes.shape[1]
    if groups > 1 and kernel.codes.shape[1] == 1:
        # one input channel an output channel: depthwise_conv2d.py
        return None
    return convolution(root, op, "conv2d", found, kernel, kernel.codes.transpose(0, 2, 3, 1), groups=groups)
