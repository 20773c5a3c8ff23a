# SPDX-License-Identifier: Apache-2.0
"""Attributes, specs and contexts: what the npu dialect takes in comes out again."""

import gc
import importlib
import json
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_mlir import ir

from npuc.dialects import load, new_context
from npuc.dialects.attrs import Placement, ScheduleDict, TargetRef, from_attr, to_attr
from npuc.dialects.base import build, mlir_type, spec_of
from npuc.dialects.npu.ops.constant import build_constant, constant_array
from npuc.numerics.rescale import Rescale
from npuc.ops import all_ops
from npuc.ops.base import NUMPY_DTYPES

CONTEXT = new_context()

_I64 = st.integers(-(1 << 63), (1 << 63) - 1)
_SCALARS = st.none() | st.booleans() | _I64 | st.floats(allow_nan=False) | st.text(max_size=8)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=4), max_leaves=12
)


def same(left, right):
    """Equal, and of equal types all the way down: True is not 1, and 1 is not 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@given(_JSON | st.lists(_I64, max_size=5).map(tuple) | st.lists(st.floats(allow_nan=False), max_size=5).map(tuple))
def test_a_python_value_survives_an_attribute_and_its_text(value):
    with CONTEXT:
        attribute = to_attr(value)
        assert same(from_attr(attribute), value)
        if value is None or "\x00" in str(value):
            return
        assert ir.Attribute.parse(str(attribute)) == attribute


@pytest.mark.parametrize(
    "value",
    [
        Rescale((1 << 30, 0), (40, 2), 3, -128, 100, True), Placement("sram"), Placement("dram", 64, 3), TargetRef("edge-256", 1 << 19),
        ScheduleDict({"groups": [{"ops": [0, 1], "bound": 1e-300}], "empty": {}}),
    ],
)  # fmt: skip
def test_own_attributes_survive_text_and_stand_in_types(value):
    with CONTEXT:
        attribute = to_attr(value)
        assert from_attr(attribute) == value
        assert from_attr(ir.Attribute.parse(str(attribute))) == value
        assert type(from_attr(attribute)) is type(value)


def test_equal_attributes_are_read_once_and_forgotten_with_their_context():
    values = [Rescale((1 << 30, 7), (shift, 2)) for shift in range(2, 62)]
    context = new_context()
    with context:
        assert [from_attr(to_attr(value)) for value in values] == values
        assert from_attr(to_attr(values[0])) is from_attr(to_attr(values[0]))
    gone = weakref.ref(context)
    # the bindings keep the context that the dialects were last loaded into
    context = new_context()
    gc.collect()
    assert gone() is None


def test_a_schedule_is_json_without_loss():
    schedule = ScheduleDict({"groups": [{"ops": [1, 2], "rows": 7, "keep": True, "cost": 0.1, "note": None}]})
    with CONTEXT:
        assert json.loads(json.dumps(from_attr(to_attr(schedule)))) == schedule


@pytest.mark.parametrize(
    ("value", "said"), [(1 << 63, "64-bit"), ({"": 1}, "non-empty"), ((1, 2.0), "tuple of integers"), (object(), "object")]
)
def test_what_no_attribute_stands_for_is_refused(value, said):
    with CONTEXT, pytest.raises(ValueError, match=said):
        to_attr(value)


@pytest.mark.parametrize("name", sorted(all_ops()))
def test_a_spec_survives_the_op_and_its_text(name):
    for seed in range(5):
        spec = importlib.import_module(f"ops.test_{name}").random_spec(np.random.default_rng(seed))
        with CONTEXT, ir.Location.unknown():
            module = ir.Module.create()
            with ir.InsertionPoint(module.body):
                build(spec, [build_constant(np.zeros(t.shape, NUMPY_DTYPES[t.dtype])) for t in spec.inputs])
            assert module.operation.verify()
            again = ir.Module.parse(str(module))
            assert str(again) == str(module)
            assert spec_of(list(again.body.operations)[-1]) == spec


def test_an_encoding_of_the_result_is_no_part_of_the_spec():
    spec = importlib.import_module("ops.test_clamp").random_spec(np.random.default_rng(0))
    with CONTEXT, ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            source = build_constant(np.zeros(spec.inputs[0].shape, np.int8))
            result = build(spec, [source], result_type=mlir_type(spec.output, to_attr(Placement("sram", 64))))
        assert from_attr(result.type.encoding) == Placement("sram", 64)
        assert spec_of(result.owner) == spec


@pytest.mark.parametrize("dtype", ["i8", "ui8", "i16", "i32", "i64", "f32", "f64"])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (4, 1, 2)])
def test_a_constant_is_read_back_as_it_was_built(dtype, shape):
    rng = np.random.default_rng(0)
    for array in (rng.integers(0, 100, shape), np.full(shape, 7)):
        array = array.astype(NUMPY_DTYPES[dtype])
        with CONTEXT, ir.Location.unknown():
            module = ir.Module.create()
            with ir.InsertionPoint(module.body):
                found = constant_array(build_constant(array).owner)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
        assert not found.flags.writeable


def test_loading_is_idempotent_and_safe_in_threads():
    contexts = [ir.Context() for _ in range(4)]
    threads = [threading.Thread(target=load, args=(context,)) for context in (*contexts, *contexts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(context.is_dialect_loaded("npu") for context in contexts)
