# SPDX-License-Identifier: Apache-2.0
"""The ops: one file each, found by walking this folder."""

import functools
import importlib
import pkgutil

from npuc.ops.base import OpSpec


@functools.cache
def all_ops() -> dict[str, type[OpSpec]]:
    """Name -> op class, for every op file in this folder."""
    for info in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{info.name}")
    found: dict[str, type[OpSpec]] = {}
    queue = list(OpSpec.__subclasses__())
    while queue:
        cls = queue.pop()
        queue.extend(cls.__subclasses__())
        if cls.name:
            found[cls.name] = cls
    return dict(sorted(found.items()))
