# SPDX-License-Identifier: Apache-2.0
"""Who computes: the numpy kernels (the truth) or the native ones (fast), one interface. See `npuc.numerics.kernels`."""

import importlib
import logging
from typing import Any

from npuc.errors import UserInputError
from npuc.numerics import kernels

log = logging.getLogger("npuc")

NAMES = ("auto", "numpy", "native")


def get(name: str = "auto") -> Any:
    """The kernel namespace of an engine; `auto` is native where it is built, else numpy.

    Raises:
        UserInputError: no such engine, or native was asked for and is not built.
    """
    if name not in NAMES:
        raise UserInputError(f"there is no engine '{name}'", found=name, wanted=", ".join(NAMES))
    if name == "numpy":
        return kernels
    try:
        return importlib.import_module("npuc._native")
    except ImportError as error:
        if name == "native":
            raise UserInputError(
                "the native engine is not built", found=str(error), advice="build the package (pip install .), or use engine='numpy'"
            ) from error
        log.info("the native engine is not built; simulating with numpy, which gives the same values and takes longer")
        return kernels
