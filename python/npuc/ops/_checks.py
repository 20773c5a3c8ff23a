# SPDX-License-Identifier: Apache-2.0
"""Sentences that several ops' problems() and limits() share: subject, found, wanted."""

from collections.abc import Iterable, Iterator

import numpy as np

from npuc.numerics.rescale import Rescale
from npuc.numerics.scales import MULTIPLIER_END, SHIFT_MAX, SHIFT_MIN
from npuc.ops.base import NUMPY_DTYPES, OpSpec, Refusal, TensorType
from npuc.targets.base import Target

# element types of quantized activations
ACTIVATIONS = ("i8", "i16")

RANGES = {"i8": (-128, 127), "ui8": (0, 255), "i16": (-(1 << 15), (1 << 15) - 1), "i32": (-(1 << 31), (1 << 31) - 1)}


def rank_is(name: str, tensor: TensorType, *ranks: int) -> Iterator[str]:
    """The rank of an operand is one of `ranks`; no extent is 0."""
    if len(tensor.shape) not in ranks:
        yield f"operand '{name}' has rank {len(tensor.shape)}, wanted {' or '.join(map(str, ranks))}"
    elif 0 in tensor.shape:
        yield f"operand '{name}' is {tensor}, wanted at least 1 element"


def dtype_is(name: str, tensor: TensorType, *dtypes: str) -> Iterator[str]:
    """The element type of an operand, or of the "result", is one of `dtypes`."""
    if tensor.dtype not in dtypes:
        subject = name if name == "result" else f"operand '{name}'"
        yield f"{subject} has element type {tensor.dtype}, wanted {' or '.join(dtypes)}"


def type_is(name: str, tensor: TensorType, shape: tuple[int, ...], dtype: str) -> Iterator[str]:
    """The type of an operand is exactly this."""
    if tensor != TensorType(shape, dtype):
        yield f"operand '{name}' is {tensor}, wanted {TensorType(shape, dtype)}"


def in_range(name: str, value: int, dtype: str) -> Iterator[str]:
    """A zero point or bound is a value of the element type `dtype`."""
    low, high = RANGES[dtype]
    if not low <= value <= high:
        yield f"{name} is {value}, wanted {low}..{high}"


def bounds_ok(lo: int, hi: int, dtype: str) -> Iterator[str]:
    """lo <= hi, both values of `dtype`."""
    yield from in_range("lo", lo, dtype)
    yield from in_range("hi", hi, dtype)
    if lo > hi:
        yield f"bounds are {lo}..{hi}, wanted lo <= hi"


def rescale_ok(rescale: Rescale, counts: Iterable[int], dtype: str) -> Iterator[str]:
    """A rescale to `dtype` with as many records as one of `counts`."""
    yield from rescale.problems()
    allowed = sorted(set(counts))
    if len(rescale.multiplier) not in allowed:
        yield f"rescale has {len(rescale.multiplier)} multipliers, wanted {' or '.join(map(str, allowed))}"
    yield from in_range("rescale zp_out", rescale.zp_out, dtype)
    yield from in_range("rescale lo", rescale.lo, dtype)
    yield from in_range("rescale hi", rescale.hi, dtype)


def scale_ok(name: str, scale: tuple[int, int]) -> Iterator[str]:
    """A (multiplier, shift) pair as a rescale takes it."""
    multiplier, shift = scale
    if not 0 <= multiplier < MULTIPLIER_END:
        yield f"{name} has multiplier {multiplier}, wanted [0, 2**31)"
    if not SHIFT_MIN <= shift <= SHIFT_MAX:
        yield f"{name} has shift {shift}, wanted {SHIFT_MIN}..{SHIFT_MAX}"


def element_types(spec: OpSpec, target: Target, *allowed: str) -> Iterator[Refusal]:
    """Operands that arrive at run time, and the result, have an element type that the instruction takes."""
    found = [spec.inputs[i].dtype for i in spec.activations] + [spec.output.dtype]
    wanted = [dtype for dtype in allowed if dtype in target.element_types]
    for dtype in dict.fromkeys(found):
        if dtype not in wanted:
            yield Refusal(f"element types of {spec.name}", dtype, " or ".join(wanted))


def activation_types(spec: OpSpec, target: Target, *more: str) -> Iterator[Refusal]:
    """Operands that arrive at run time, and the result, are activations as the machine's array takes them, or of the types `more`."""
    known = [dtype for dtype in ACTIVATIONS if np.dtype(NUMPY_DTYPES[dtype]).itemsize in target.array.activation_steps]
    yield from element_types(spec, target, *known, *more)


def at_most_rank_4(spec: OpSpec) -> Iterator[Refusal]:
    """An instruction's operand has four dimensions."""
    for tensor in (*spec.inputs, spec.output):
        if len(tensor.shape) > 4:
            yield Refusal("an operand has at most four dimensions", str(len(tensor.shape)), "at most 4")
            return


def at_most(rule: str, found: int, limit: int) -> Iterator[Refusal]:
    """found <= limit."""
    if found > limit:
        yield Refusal(rule, str(found), f"at most {limit}")


def host_only(spec: OpSpec, target: Target) -> Iterator[Refusal]:
    """No instruction does this; the op runs on the host."""
    yield Refusal(f"{target.name} has no instruction for {spec.name}", "", "an op with an instruction")
