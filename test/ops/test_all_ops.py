# SPDX-License-Identifier: Apache-2.0
"""What holds of every op, found by its file name: tilings, commands, prices, files of one stem."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from npuc.ops import all_ops
from npuc.targets import get, names
from ops import harness

OPS = sorted(all_ops())
ON_NPU = [name for name in OPS if not all_ops()[name].host_only]
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
