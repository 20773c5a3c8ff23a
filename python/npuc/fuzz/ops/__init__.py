# SPDX-License-Identifier: Apache-2.0
"""How an op is drawn at random: one file an op, found by walking this folder.

A file's `draw(net)` adds the op of its name to a network, with whatever parameters machines take, and returns its result. It chooses
what it reads from the network's own values; what does not go together raises ValueError, and another op is drawn.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable

from torch_mlir import ir

from npuc.fuzz.net import Net

Draw = Callable[[Net], ir.Value]


@functools.cache
def draws() -> dict[str, Draw]:
    """Op -> how it is drawn, in the order of the names."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))
    return {name: importlib.import_module(f"{__name__}.{name}").draw for name in names}
