# SPDX-License-Identifier: Apache-2.0
"""The base of every op of the `npu` dialect."""

from npuc.dialects.base import verify
from npuc.dialects.npu.dialect import Npu


class NpuOp(Npu.Operation):
    """An op of `npuc.ops` in MLIR. A subclass sets `spec` and declares operands, attributes and result of that name.

    The order of declarations is the spec's: operands, params, result. Every such op is pure.
    """

    # the class in npuc.ops; without an annotation, which would make it an operand or attribute
    spec = None

    @classmethod
    def verify_invariants(cls, op):
        return verify(op)
