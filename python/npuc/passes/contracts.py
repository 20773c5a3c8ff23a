# SPDX-License-Identifier: Apache-2.0
"""What operations are legal after each stage.

A stage that has no entry promises nothing beyond the one before it. `convert-linalg-to-npu` is the first that promises anything: what it
cannot raise it refuses, by layer, rule and advice.
"""

from dataclasses import dataclass

from torch_mlir import ir

from npuc.errors import InternalError
from npuc.passes.base import layer_name, operations

_FRAME = ("builtin.module", "func.func", "func.return")
# packs and unpacks the values of groups and segments
_CAST = "builtin.unrealized_conversion_cast"
_SLICES = ("tensor.empty", "tensor.extract_slice", "tensor.insert_slice", _CAST)


@dataclass(frozen=True)
class Contract:
    """Operations that may stand in the module: exact names, or a dialect as "npu."."""

    legal: tuple[str, ...]

    def allows(self, name: str) -> bool:
        return any(name == one or (one.endswith(".") and name.startswith(one)) for one in self.legal)


AFTER = {
    "convert-linalg-to-npu": Contract((*_FRAME, "npu.")),
    "npu-partition": Contract((*_FRAME, "npu.")),
    "npu-schedule": Contract((*_FRAME, "npu.")),
    "npu-tile": Contract((*_FRAME, *_SLICES, "npu.")),
    "npu-place-buffers": Contract((*_FRAME, *_SLICES, "npu.")),
    # npu. is what the host runs before and after the segment
    "convert-npu-to-npu-cmd": Contract((*_FRAME, "npu.", "npu_cmd.", _CAST)),
}


def check(module: ir.Module, pass_name: str) -> None:
    """Holds the module against the contract of the stage, if it has one.

    Raises:
        InternalError: an operation stands where it may not.
    """
    contract = AFTER.get(pass_name)
    if contract is None:
        return
    for op in operations(module):
        if contract.allows(op.name):
            continue
        wanted = ", ".join(one + "*" if one.endswith(".") else one for one in contract.legal)
        raise InternalError(f"'{op.name}' is not legal after {pass_name}", layer=layer_name(op), found=op.name, wanted=wanted)
