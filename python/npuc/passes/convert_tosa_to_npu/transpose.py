# SPDX-License-Identifier: Apache-2.0
"""tosa.transpose -> npu.transpose."""

from torch_mlir import ir

from npuc.passes.convert_tosa_to_npu._match import Tosa

OPS = ("tosa.transpose",)


def convert(at: Tosa) -> ir.Value:
    return at.finish(at.make("transpose", [at.value()], perm=at.integers("perms")))
