# SPDX-License-Identifier: Apache-2.0
"""Raises quantized linalg to npu ops: what stands between npu.dequantize and npu.quantize becomes one integer op.

One pattern file an op, found by walking this folder. A pattern names the producers it starts from (`ROOTS`) and is tried at
every npu.quantize whose operand such an op makes, clamps in between peeled off; it works in NHWC and leaves the transposes to
npu-cancel-layouts. Where none fits, the quantize moves in front of an op that only moves or chooses values, and they are tried
again. Float functions that stay float become host ops, wherever they stand; constants become npu.constant. What is left then is refused by the
layer's name, with the rule that it breaks.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from torch_mlir import ir

from npuc.passes._rewrites import Rewrite, fired, offer
from npuc.passes.base import Pass, apply_patterns, defining, operations
from npuc.passes.convert_linalg_to_npu._float import raise_float
from npuc.passes.convert_linalg_to_npu._match import Root, root_key, root_of
from npuc.passes.convert_linalg_to_npu._refuse import refuse_leftovers
from npuc.passes.convert_linalg_to_npu._sink import sunk

Pattern = Callable[[Root], ir.Value | None]


@dataclass(frozen=True)
class ConvertLinalgToNpu(Pass):
    def run(self, module: ir.Module) -> None:
        _raise_quantized(module)
        apply_patterns(module, *((name, pattern) for file in _files() for name, pattern in getattr(file, "PATTERNS", ())))
        raise_float(module)
        _erase_dead(module)
        refuse_leftovers(module)


@functools.cache
def _files() -> tuple[ModuleType, ...]:
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


@functools.cache
def _patterns() -> dict[str, tuple[Pattern, ...]]:
    """Producer -> the patterns that start from it, in the order of their files' names."""
    found: dict[str, list[Pattern]] = {}
    for file in _files():
        for name in getattr(file, "ROOTS", ()):
            found.setdefault(name, []).append(file.convert)
    return {name: tuple(patterns) for name, patterns in found.items()}


def _raise_quantized(module: ir.Module) -> None:
    """Every npu.quantize in program order, so that what a pattern reads is raised already."""
    offer(Rewrite.of(pattern, "npu.quantize") for patterns in _patterns().values() for pattern in patterns)
    for op in operations(module, "npu.quantize"):
        value = _raised(op)
        if value is not None:
            op.results[0].replace_all_uses_with(value)
            op.erase()


def _raised(quantize: ir.Operation) -> ir.Value | None:
    """The i8 value that an npu.quantize stands for; None where no pattern takes it."""
    root = root_of(quantize)
    if root is None:
        return None
    value = _matched(root, quantize)
    if value is not None:
        return value
    # quantize(f(x)) = quantize(f(dequantize(quantize(x)))) where f only moves or chooses values
    below = sunk(root, quantize)
    for inner in below.quantizes if below else ():
        found = _raised(inner)
        if found is not None:
            inner.results[0].replace_all_uses_with(found)
        elif defining(inner.operands[0]) is not None:
            return None
    return _matched(below.root, quantize) if below else None


def _matched(root: Root, quantize: ir.Operation) -> ir.Value | None:
    for pattern in _patterns().get(root_key(root.op), ()):
        with ir.InsertionPoint(quantize), root.location:
            value = pattern(root)
        if value is not None:
            fired(Rewrite.of(pattern, "npu.quantize"))
            return value
    return None


def _erase_dead(module: ir.Module) -> None:
    """What fed the raised ops has no readers now."""
    for op in reversed(operations(module)):
        if op.name.startswith(("func.", "builtin.")) or not op.results:
            continue
        if all(not list(result.uses) for result in op.results):
            op.erase()
