# SPDX-License-Identifier: Apache-2.0
"""What add and sub share: a common step with headroom."""

from torch_mlir import ir

from npuc.numerics.scales import quantize_scale
from npuc.passes.convert_linalg_to_npu._match import Quantized, Root, make, reshape

# bits of headroom of the common step (TFLite, TOSA: 20 for i8)
HEADROOM = 20


def sum_of(name: str, root: Root, a: Quantized, b: Quantized) -> ir.Value:
    """a, b -> i32 of step 2 * max(step a, step b) / 2**20, summed, rescaled once."""
    common = 2 * max(a.scale, b.scale)
    unit = float(1 << HEADROOM)
    result = make(
        name, [a.value, b.value], zp_a=a.zp, zp_b=b.zp, scale_a=quantize_scale(a.scale / common * unit),
        scale_b=quantize_scale(b.scale / common * unit), rescale=root.rescale(common / unit),
    )  # fmt: skip
    return reshape(result, root.shape)
