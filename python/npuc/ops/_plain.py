# SPDX-License-Identifier: Apache-2.0
"""An op's parameters as plain values, the form a program file stores, and back with every type checked."""

import typing
from dataclasses import fields
from typing import Any

from npuc.errors import ProgramError
from npuc.numerics.rescale import Rescale
from npuc.ops import all_ops
from npuc.ops.base import OpSpec, TensorType


def plain_params(spec: OpSpec) -> dict[str, Any]:
    """Name -> bool, int, float, str, tuple of ints, or a dict for a `Rescale`."""
    return {item.name: _plain(getattr(spec, item.name)) for item in spec.params()}


def _plain(value: Any) -> Any:
    if isinstance(value, Rescale):
        return {item.name: getattr(value, item.name) for item in fields(Rescale)}
    return value


def spec_from_plain(name: str, params: dict[str, Any], inputs: tuple[TensorType, ...], output: TensorType) -> OpSpec:
    """The op called `name`.

    Raises:
        ProgramError: no such op, parameters that it does not have or of another type, or an op that is not well formed.
    """
    cls = all_ops().get(name)
    if cls is None:
        raise ProgramError(f"there is no op '{name}' to run on the host", found=name, wanted=", ".join(all_ops()))
    wanted = {item.name: item.type for item in cls.params()}
    params = {item.name: item.default for item in cls.params() if item.metadata["since"]} | params
    if params.keys() != wanted.keys():
        raise ProgramError(f"op '{name}' has other parameters than it should", found=", ".join(sorted(params)), wanted=", ".join(wanted))
    spec = cls(inputs, output, **{key: _typed(kind, params[key], f"parameter {key} of op '{name}'") for key, kind in wanted.items()})
    try:
        problems = list(spec.problems())
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise ProgramError(f"op '{name}' is not well formed: {error}") from error
    if problems:
        raise ProgramError(f"op '{name}' is not well formed: {problems[0]}")
    return spec


def _typed(kind: Any, value: Any, subject: str) -> Any:
    """`value` as the annotation `kind` has it."""
    if kind is Rescale:
        if not isinstance(value, dict) or value.keys() != {item.name for item in fields(Rescale)}:
            raise ProgramError(f"{subject} is no rescale", found=value)
        return Rescale(**{item.name: _typed(item.type, value[item.name], subject) for item in fields(Rescale)})
    if kind is float and type(value) is int:
        return float(value)
    if typing.get_origin(kind) is tuple:
        entries = typing.get_args(kind)
        free = len(entries) == 2 and entries[1] is Ellipsis
        if type(value) is not tuple or not (free or len(value) == len(entries)):
            raise ProgramError(f"{subject} has the wrong length or type", found=value, wanted=kind)
        return tuple(_typed(entries[0], entry, subject) for entry in value)
    if type(value) is not kind:
        raise ProgramError(f"{subject} has the wrong type", found=value, wanted=kind.__name__)
    return value
