# SPDX-License-Identifier: Apache-2.0
"""How often each rewrite pattern fired, for who wants to know.

    with count_rewrites() as found:
        run_passes(module, DEFAULT)
    found[Rewrite("npu-fuse-pads", "fuse_pad", "npu.pad")]

Outside of `count_rewrites` nothing is counted and nothing is wrapped.
"""

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

_PASSES = "npuc.passes."


class Rewrite(NamedTuple):
    """One pattern at the ops of one name.

    Attributes:
        pattern: the function's name; for a pass with a folder of patterns, the file's before it.
        op: name of the op that the pattern is tried at.
    """

    pass_name: str
    pattern: str
    op: str

    @classmethod
    def of(cls, function: Callable[..., Any], op: str) -> "Rewrite":
        """The name of a pattern function; what a partial fixes is part of it."""
        fixed: tuple[Any, ...] = ()
        while isinstance(function, functools.partial):
            fixed, function = (*function.args, *fixed), function.func
        stem, _, file = function.__module__.removeprefix(_PASSES).partition(".")
        name = function.__name__.lstrip("_") + (f"({', '.join(map(str, fixed))})" if fixed else "")
        return cls(stem.replace("_", "-"), f"{file.lstrip('_')}.{name}" if file else name, op)


_COUNTS: ContextVar[Counter[Rewrite] | None] = ContextVar("npuc_rewrites", default=None)


@contextlib.contextmanager
def count_rewrites() -> Iterator[Counter[Rewrite]]:
    """Meanwhile every pattern that is offered has an entry: how often it changed something, 0 where it never did."""
    counts: Counter[Rewrite] = Counter()
    token = _COUNTS.set(counts)
    try:
        yield counts
    finally:
        _COUNTS.reset(token)


def offer(rewrites: Iterable[Rewrite]) -> None:
    """These may fire from now on."""
    counts = _COUNTS.get()
    if counts is not None:
        counts.update(dict.fromkeys(rewrites, 0))


def fired(rewrite: Rewrite) -> None:
    """One more time."""
    counts = _COUNTS.get()
    if counts is not None:
        counts[rewrite] += 1


def counted(function: Callable[..., Any], op: str) -> Callable[..., Any]:
    """A pattern of MLIR's driver (true: it did not match) that counts itself; `function` as it is where nobody counts."""
    if _COUNTS.get() is None:
        return function
    name = Rewrite.of(function, op)
    offer([name])

    def pattern(*args: Any) -> Any:
        missed = function(*args)
        if not missed:
            fired(name)
        return missed

    return pattern
