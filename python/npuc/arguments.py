# SPDX-License-Identifier: Apache-2.0
"""Kinds of values that the command lines of both tools take."""

import argparse
import math


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"is {text}, wanted a whole number of at least 1")
    return value


def seed(text: str) -> int:
    """What a random generator can be seeded with, in 63 bits."""
    value = int(text)
    if not 0 <= value < 1 << 63:
        raise argparse.ArgumentTypeError(f"is {text}, wanted 0 .. 2**63 - 1")
    return value


def kibibytes(text: str) -> float:
    """A size in KiB that is a whole number of bytes."""
    value = float(text)
    if not 0 < value < math.inf or value * 1024 != int(value * 1024):
        raise argparse.ArgumentTypeError(f"is {text}, wanted a size in KiB of whole bytes, above 0")
    return value
