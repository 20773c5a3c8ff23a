# SPDX-License-Identifier: Apache-2.0
"""tosa.slice -> npu.slice."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.slice",)


def convert(at: Tosa) -> ir.Value:
    sizes = at.shape(2, "sizes")
    return at.finish(at.make("slice", [at.value()], starts=at.shape(1, "starts"), sizes=sizes, strides=(1,) * len(sizes)))
