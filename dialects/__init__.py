# SPDX-License-Identifier: Apache-2.0
"""What can be said: npuc's MLIR dialects, one package each.

`load(context)` makes them all known to a context. A dialect is a package in this folder whose `dialect.py` holds the
`Dialect` subclass and whose `ops/`, where there is one, holds an op a file; both are found by walking the folder.
"""

import functools
import importlib
import importlib.util
import pkgutil
import threading

from torch_mlir import ir
from torch_mlir._mlir_libs._mlir import globals as _globals
from torch_mlir.dialects import ext

# loading emits and compiles an IRDL module and touches bindings-wide tables; two threads at once crash
_LOCK = threading.Lock()


def _import_folder(package: str) -> None:
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{info.name}")


@functools.cache
def _dialects() -> tuple[type[ext.Dialect], ...]:
    """Every dialect with its ops imported, in the order of their names."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{info.name}"
        if not info.ispkg or importlib.util.find_spec(f"{name}.dialect") is None:
            continue
        module = importlib.import_module(f"{name}.dialect")
        if importlib.util.find_spec(f"{name}.ops") is not None:
            _import_folder(f"{name}.ops")
        found += [
            v for v in vars(module).values() if isinstance(v, type) and issubclass(v, ext.Dialect) and v.__module__ == module.__name__
        ]
    return tuple(found)


@functools.cache
def _known_to_bindings() -> None:
    """MLIR's bindings look for a dialect's Python module whenever they meet an op or attribute of it, and remember only that
    they found one; the search that fails costs more than everything else they do.
    """
    _globals.append_dialect_search_prefix(__name__)


def load(context: ir.Context) -> None:
    """Register every dialect with `context`; further calls for the same context do nothing."""
    with _LOCK, context:
        _known_to_bindings()
        for dialect in _dialects():
            if not context.is_dialect_loaded(dialect.DIALECT_NAMESPACE):
                dialect.load()


def new_context() -> ir.Context:
    """A context that knows MLIR's own dialects and ours."""
    context = ir.Context()
    load(context)
    return context
