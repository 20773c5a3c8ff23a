# SPDX-License-Identifier: Apache-2.0
"""Load a program and run it: NPU segments on the simulator, host segments by the ops' references. Needs neither MLIR nor torch."""

from npuc.runtime.loaded import LoadedProgram, load

__all__ = ["LoadedProgram", "load"]
