# SPDX-License-Identifier: Apache-2.0
"""What holds of every op, found by its file name: tilings, commands, prices, files of one stem."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npuc.ops import all_ops
from npuc.ops._sum import Sum
from npuc.targets import get, names
from ops import harness

OPS = sorted(all_ops())
ON_NPU = [name for name in OPS if not all_ops()[name].host_only]
# ops that compute on quantized activations, in 16 bits too; those that move or compare draw their types themselves
WIDE = ("add", "avg_pool2d", "clamp", "conv2d", "depthwise_conv2d", "fully_connected", "max_pool2d", "mean", "mul", "sub", "sum")
ROOT = Path(__file__).resolve().parents[2]


def sample(name: str, seed: int):
    """A random spec of an op with random inputs, and the generator that made them."""
    rng = np.random.default_rng([seed, *name.encode()])
    file = importlib.import_module(f"ops.test_{name}")
    spec = file.random_spec(rng)
    assert not list(spec.problems()), list(spec.problems())
    # an op that has no value for some inputs brings its own
    return rng, spec, getattr(file, "random_inputs", harness.values)(rng, spec)


@pytest.mark.parametrize("name", OPS)
def test_the_result_has_the_type_that_is_inferred(name):
    for seed in range(10):
        _, spec, inputs = sample(name, seed)
        y = spec.reference(*inputs)
        assert (y.shape, y.dtype) == (spec.output.shape, np.dtype(harness.NUMPY_DTYPES[spec.output.dtype]))


@pytest.mark.parametrize("name", OPS)
def test_any_tiling_equals_the_whole(name):
    for seed in range(25):
        rng, spec, inputs = sample(name, seed)
        harness.assert_tiles_equal_whole(rng, spec, inputs)


@pytest.mark.parametrize("name", ON_NPU)
def test_commands_equal_the_reference(name):
    targets = [get(name) for name in names()]
    for seed in range(25):
        rng, spec, inputs = sample(name, seed)
        target = targets[seed % len(targets)]
        assert not list(spec.limits(target)), list(spec.limits(target))
        harness.assert_commands_equal_reference(rng, spec, inputs, target)


def wide_sample(name: str, seed: int):
    """As `sample`, activations and result in 16 bits; parameters stay as they are."""
    rng, spec, _ = sample(name, seed)
    widened = [replace(tensor, dtype="i16") if i in spec.activations else tensor for i, tensor in enumerate(spec.inputs)]
    output = replace(spec.output, dtype="i16") if spec.output.dtype == "i8" else spec.output
    spec = replace(spec, inputs=tuple(widened), output=output)
    if isinstance(spec, Sum):
        # 8 bits less of headroom for 8 bits more of values
        spec = replace(spec, scale_a=(spec.scale_a[0], spec.scale_a[1] + 8), scale_b=(spec.scale_b[0], spec.scale_b[1] + 8))
    assert not list(spec.problems()), list(spec.problems())
    return rng, spec, harness.values(rng, spec)


@pytest.mark.parametrize("name", WIDE)
def test_commands_and_tilings_of_16_bits_equal_the_reference(name):
    for seed in range(12):
        rng, spec, inputs = wide_sample(name, seed)
        targets = [get(name) for name in names() if not list(spec.limits(get(name)))]
        target = targets[seed % len(targets)]
        harness.assert_tiles_equal_whole(rng, spec, inputs)
        harness.assert_commands_equal_reference(rng, spec, inputs, target)


@pytest.mark.parametrize("name", ["conv2d", "depthwise_conv2d", "fully_connected"])
def test_a_product_of_16_bits_takes_the_array_twice_as_long_and_other_machines_refuse_it(name):
    target = get("edge-256")
    for seed in range(5):
        _, narrow, _ = sample(name, seed)
        rng, spec, inputs = wide_sample(name, seed)
        assert spec.array_cycles(target) == 2 * narrow.array_cycles(target)
        assert harness.total_cycles(rng, spec, inputs, target) >= spec.array_cycles(target)
        assert [refusal.found for refusal in spec.limits(get("u55-128"))] == ["i16"]


@pytest.mark.parametrize("name", ON_NPU)
@pytest.mark.parametrize("target", names())
def test_an_op_takes_time_and_no_less_than_its_array_needs(name, target):
    machine = get(target)
    for seed in range(5):
        rng, spec, inputs = sample(name, seed)
        cycles = harness.total_cycles(rng, spec, inputs, machine)
        assert cycles > 0
        assert cycles >= spec.array_cycles(machine) >= 0


@pytest.mark.parametrize("name", sorted(set(OPS) - set(ON_NPU)))
def test_every_target_refuses_a_host_op_and_says_why(name):
    _, spec, _ = sample(name, 0)
    for target in map(get, names()):
        refusals = list(spec.limits(target))
        assert refusals and all(refusal.rule and refusal.wanted for refusal in refusals)


@pytest.mark.parametrize("name", OPS)
def test_every_op_has_its_files_of_one_stem(name):
    for path in (f"python/npuc/ops/{name}.py", f"dialects/npu/ops/{name}.py", f"test/ops/test_{name}.py", f"test/dialects/npu/{name}.mlir"):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("name", OPS)
def test_every_op_documents_its_formula_and_parameters(name):
    cls = all_ops()[name]
    assert cls.__doc__ and "y" in cls.__doc__
    assert all(field.metadata["doc"] for field in cls.params())


def test_the_mlir_form_declares_operands_and_attributes_of_the_spec():
    from npuc.dialects import new_context
    from npuc.dialects.npu.dialect import Npu

    new_context()
    forms = {op._op_name: op for op in Npu.operations if getattr(op, "spec", None)}
    assert sorted(forms) == OPS
    for name, form in forms.items():
        spec = form.spec
        declared = [field.name for field in form._fields]
        params = [field.name for field in spec.params() if not field.metadata["since"]]
        if spec.variadic:
            assert [name for name in declared if name in (*params, "output")] == [*params, "output"], name
        else:
            assert declared == [*spec.operand_names, *params, "output"], name
