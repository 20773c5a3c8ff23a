# SPDX-License-Identifier: Apache-2.0
"""The function of a float op of one element, as npuc.numerics.functions names it."""

from typing import Any

from npuc.numerics.functions import FUNCTIONS

# arguments that PyTorch's op leaves out where they have these values
_DEFAULTS = {"alpha": 1.0, "beta": 1.0, "threshold": 20.0, "scale": 1.0, "input_scale": 1.0, "negative_slope": 0.01, "lambd": 0.5}
KINDS = tuple(sorted(FUNCTIONS))


def function_of(kind: str, params: dict[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    """(name, arguments in order), or None where the kind is no function of one element."""
    if kind == "gelu" and params.get("approximate") == "tanh":
        kind = "gelu_tanh"
    if kind not in FUNCTIONS:
        return None
    known = _DEFAULTS | {name: value for name, value in params.items() if not isinstance(value, str)}
    if any(name not in known for name in FUNCTIONS[kind].params):
        return None
    return kind, tuple(float(known[name]) for name in FUNCTIONS[kind].params)
