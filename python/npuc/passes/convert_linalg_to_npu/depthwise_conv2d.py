# SPDX-License-Identifier: Apache-2.0
"""linalg.depthwise_conv_2d_nchw_chw and linalg.conv_2d_ngchw_gfchw with one channel a group -> npu.depthwise_conv2d."""

from torch_mlir import ir

from npuc.passes.base import defining
from npuc.passes.convert_linalg_to_npu._conv import convolution, kernel_of, window
from npuc.passes.convert_linalg_to_npu._match import Root
from npuc.passes.convert_linalg_to_npu.conv2d import GROUPED

ROOTS = ("linalg.depthwise_conv_2d_nchw_chw", "tensor.collapse_shape")


def convert(root: Root) -> ir.Value | None:
    """C·M 1 H W weights become H W C·M."""
    grouped = root.op.name == "tensor.collapse_shape"
    op = defining(root.op.operands[0], GROUPED) if grouped else root.op
    if op is None:
        return None
    expanded = defining(op.operands[0], "tensor.expand_shape") if grouped else None
    found = window(expanded.operands[0] if expanded is not None else op.operands[0])
    kernel = kernel_of(op.operands[1])
    if found is None or kernel is None or kernel.codes.shape[1] != 1:
        return None
    return convolution(root, op, "depthwise_conv2d", found, kernel, kernel.codes[:, 0].transpose(1, 2, 0))
