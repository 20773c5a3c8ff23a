# SPDX-License-Identifier: Apache-2.0
"""Names the machine that the module is compiled for: the module attribute `npu.target`.

Every later pass reads the machine from there and from nowhere else. `sram-kib` replaces the SRAM capacity.
"""

from dataclasses import dataclass

from torch_mlir import ir

from npuc import targets
from npuc.dialects.attrs import TargetRef, to_attr
from npuc.passes.base import TARGET_ATTRIBUTE, Pass, option


@dataclass(frozen=True)
class NpuSetTarget(Pass):
    """Raises TargetUnknown where no machine has that name, or the capacity is not positive."""

    name: str = option("the machine, as `npuc targets` lists it")
    sram_kib: int | None = option("SRAM capacity in KiB instead of the machine's own", default=None)

    def run(self, module: ir.Module) -> None:
        target = targets.get(self.name, self.sram_kib)
        module.operation.attributes[TARGET_ATTRIBUTE] = to_attr(TargetRef(target.name, target.sram.bytes))
