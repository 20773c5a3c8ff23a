# SPDX-License-Identifier: Apache-2.0
"""The simulator: memories and effects (`machine`), kernels (`engines`), happens-before (`hazards`). It knows neither compiler nor MLIR."""
