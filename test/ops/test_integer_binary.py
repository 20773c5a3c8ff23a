# SPDX-License-Identifier: Apache-2.0
"""integer_binary, one element at a time in Python's own integers."""

import numpy as np
import pytest

from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.ops.integer_binary import KINDS, IntegerBinary
from ops import harness
from ops.harness import pick, upto

BITS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}
NARROW = ("i8", "i16", "i32")


def random_spec(rng):
    kind = pick(rng, *KINDS)
    integers = BITS if kind in ("add", "sub", "mul") else NARROW
    dtype = "i1" if kind in ("logical_and", "logical_or", "logical_xor") else "i32" if kind == "intdiv" else pick(rng, *integers)
    shape = [upto(rng, 4) for _ in range(upto(rng, 4))]
    a, b = ([1 if rng.random() < 0.2 else extent for extent in shape] for _ in range(2))
    shift = upto(rng, 40, 0) if kind == "mul" and dtype == "i32" else 0
    return IntegerBinary.of(TensorType(tuple(a), dtype), TensorType(tuple(b), dtype), kind=kind, shift=shift)


def random_inputs(rng, spec):
    a, b = harness.values(rng, spec)
    if spec.kind.endswith("shift"):
        b = rng.integers(0, BITS[spec.inputs[1].dtype], b.shape).astype(b.dtype)
    return [a, np.where(b == 0, 1, b).astype(b.dtype)] if spec.kind == "intdiv" else [a, b]


def wrapped(value, dtype):
    """The low bits of a Python integer as a signed one."""
    bits = BITS[dtype]
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def expected(spec, a, b):
    """One element of the result."""
    bits, shift = BITS.get(spec.inputs[0].dtype, 1), spec.shift
    mask = (1 << bits) - 1
    match spec.kind:
        case "mul":
            return wrapped((a * b + (1 << shift - 1) >> shift) if shift else a * b, spec.output.dtype)
        case "intdiv":
            return (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1)
        case "rounding_right_shift":
            return wrapped((a >> b) + ((a >> (b - 1)) & 1 if b else 0), spec.output.dtype)
        case "logical_right_shift":
            return wrapped((a & mask) >> b, spec.output.dtype)
        case "equal" | "greater" | "greater_equal":
            return {"equal": a == b, "greater": a > b, "greater_equal": a >= b}[spec.kind]
    words = {
        "add": a + b, "sub": a - b, "maximum": max(a, b), "minimum": min(a, b), "bitwise_and": a & b, "bitwise_or": a | b, "bitwise_xor": a ^ b,
        "logical_and": a and b, "logical_or": a or b, "logical_xor": a != b,
    }  # fmt: skip
    if spec.kind in words:
        return words[spec.kind] if spec.output.dtype == "i1" else wrapped(words[spec.kind], spec.output.dtype)
    return wrapped(a << b if spec.kind == "logical_left_shift" else a >> b, spec.output.dtype)


@pytest.mark.parametrize("seed", range(60))
def test_every_element_is_what_python_computes(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    inputs = random_inputs(rng, spec)
    a, b = (np.broadcast_to(x, spec.output.shape).reshape(-1).tolist() for x in inputs)
    wanted = np.array([expected(spec, x, y) for x, y in zip(a, b, strict=True)], NUMPY_DTYPES[spec.output.dtype]).reshape(spec.output.shape)
    np.testing.assert_array_equal(spec.reference(*inputs), wanted, err_msg=str(spec))


@pytest.mark.parametrize(("kind", "b", "message"), [("intdiv", 0, "a divisor is 0"), ("logical_left_shift", 32, "outside of 0..31")])
def test_what_has_no_value_is_an_error(kind, b, message):
    kinds = TensorType((1,), "i32")
    with pytest.raises(ValueError, match=message):
        IntegerBinary.of(kinds, kinds, kind=kind).reference(np.array([1], np.int32), np.array([b], np.int32))
