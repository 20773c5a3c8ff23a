# SPDX-License-Identifier: Apache-2.0
"""The part of the package that is compiled from lib/."""

import functools
import importlib
from typing import Any


@functools.cache
def module() -> Any:
    """`npuc._native`, or None where it is not built."""
    try:
        return importlib.import_module("npuc._native")
    except ImportError:
        return None
