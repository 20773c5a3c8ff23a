# SPDX-License-Identifier: Apache-2.0
"""npuc: compiles PyTorch networks to INT8 programs for a described NPU, and runs them on a bit-exact, cycle-level simulator.

Importing this imports neither torch nor MLIR; `compile` imports them when it is called.
"""

from typing import TYPE_CHECKING, Any

from npuc.version import __version__

if TYPE_CHECKING:
    from npuc.api import CompiledModel, LoadedModel, compile, load
    from npuc.errors import NpucError

__all__ = ["CompiledModel", "LoadedModel", "NpucError", "__version__", "compile", "load"]


def __getattr__(name: str) -> Any:
    """The API on first use."""
    if name == "NpucError":
        from npuc.errors import NpucError

        return NpucError
    if name in __all__:
        from npuc import api

        return getattr(api, name)
    raise AttributeError(f"module 'npuc' has no attribute '{name}'")
