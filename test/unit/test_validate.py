# SPDX-License-Identifier: Apache-2.0
"""A wrong rewrite planted in a pass is caught: pass, op and reproducer are named."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects, opt
from npuc.dialects.attrs import from_attr, to_attr
from npuc.dialects.base import build, spec_of
from npuc.errors import InternalError, ValidationError
from npuc.passes import base
from npuc.passes.base import Pass, operations, option
from npuc.passes.pipeline import DEFAULT, run_passes
from npuc.validate import Validator, difference

RESCALE = """#npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>,
  shift = array<i64: 33>, zp_out = 0 : i64}>"""
CONV = f"""{{dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, zp_w = 0 : i64,
  zp_x = 3 : i64, rescale = {RESCALE}}} : (tensor<1x4x4x2xi8>, tensor<2x1x1x2xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>"""
NETWORK = f"""
func.func @main(%x: tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8> {{
  %w = "npu.constant"() {{value = dense<[[[[1, 2]]], [[[3, 4]]]]> : tensor<2x1x1x2xi8>}} : () -> tensor<2x1x1x2xi8>
  %b = "npu.constant"() {{value = dense<[1, -1]> : tensor<2xi32>}} : () -> tensor<2xi32>
  %0 = "npu.conv2d"(%x, %w, %b) {CONV} loc("stem.conv")
  %1 = "npu.conv2d"(%0, %w, %b) {CONV} loc("layer1.conv")
  %2 = "npu.conv2d"(%1, %w, %b) {CONV} loc("layer2.conv")
  return %2 : tensor<1x4x4x2xi8>
}}"""


@dataclass(frozen=True)
class PlantWrongZeroPoint(Pass):
    """The second convolution loses its zero point."""

    def run(self, module: ir.Module) -> None:
        operations(module, "npu.conv2d")[1].attributes["zp_x"] = to_attr(0)


@dataclass(frozen=True)
class PlantHarmlessNote(Pass):
    """Something changes, but nothing that is computed."""

    def run(self, module: ir.Module) -> None:
        module.operation.attributes["npu.note"] = to_attr("seen")


@dataclass(frozen=True)
class PlantWrongTile(Pass):
    """The second convolution becomes two tiles of which the second reads the rows of the first."""

    def run(self, module: ir.Module) -> None:
        whole = operations(module, "npu.conv2d")[1]
        spec = spec_of(whole)
        with ir.InsertionPoint(whole), whole.location:
            tensor = ir.RankedTensorType.get
            value = ir.Operation.create("tensor.empty", results=[whole.results[0].type], attributes={}).results[0]
            for row in (0, 2):
                tile = spec.tile(((0, 1), (row, 2), (0, 4), (0, 2)))
                part = _slice(
                    "tensor.extract_slice",
                    [whole.operands[0]],
                    (0, 0, 0, 0),
                    (1, 2, 4, 2),
                    tensor([1, 2, 4, 2], ir.IntegerType.get_signless(8)),
                )
                made = build(tile.spec, [part, whole.operands[1], whole.operands[2]])
                value = _slice("tensor.insert_slice", [made, value], (0, row, 0, 0), (1, 2, 4, 2), whole.results[0].type)
        whole.results[0].replace_all_uses_with(value)
        whole.erase()


def _slice(name, operands, offsets, sizes, result):
    attributes = {
        "static_offsets": ir.DenseI64ArrayAttr.get(offsets),
        "static_sizes": ir.DenseI64ArrayAttr.get(sizes),
        "static_strides": ir.DenseI64ArrayAttr.get([1] * len(sizes)),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1] * len(operands) + [0, 0, 0]),
    }
    return ir.Operation.create(name, results=[result], operands=operands, attributes=attributes).results[0]


@pytest.fixture
def module():
    with dialects.new_context():
        yield ir.Module.parse(NETWORK)


@pytest.mark.parametrize("planted", [PlantWrongZeroPoint(), PlantWrongTile()])
def test_a_wrong_rewrite_is_named_with_its_op_and_a_reproducer(module, tmp_path, planted):
    validator = Validator(seed=1, reproducer_dir=tmp_path / "found")
    with pytest.raises(ValidationError) as caught:
        run_passes(module, [PlantHarmlessNote(), planted, "canonicalize"], validate=validator)
    error = caught.value
    assert f"pass '{planted}' changed what the module computes" in str(error)
    assert error.layer == "layer1.conv"
    assert "elements, first at [" in str(error.found)
    assert validator.checked == ["plant-harmless-note"]
    assert sorted(p.name for p in (tmp_path / "found").iterdir()) == ["before.mlir", "inputs.npz", "replay.txt"]
    assert f"npu-opt {tmp_path / 'found' / 'before.mlir'} --pass-pipeline='builtin.module({planted})' --validate" in error.advice


@dataclass(frozen=True)
class PlantZeroPoint(Pass):
    """The last op of a name gets another zero point."""

    op: str = option("name of the op")

    def run(self, module: ir.Module) -> None:
        op = operations(module, self.op)[-1]
        kind = ir.IntegerAttr(op.attributes["zp_x"]).type
        op.attributes["zp_x"] = ir.IntegerAttr.get(kind, 90)


@pytest.mark.parametrize(
    ("stage", "op"),
    [
        ("npu-fold-constants", "npu.conv2d"),
        ("npu-cancel-layouts", "npu.conv2d"),
        ("npu-partition", "npu.conv2d"),
        ("npu-schedule", "npu.conv2d"),
        ("npu-tile", "npu.conv2d"),
        ("npu-place-buffers", "npu.conv2d"),
        ("convert-npu-to-npu-cmd", "npu_cmd.conv2d"),
    ],
)
def test_every_stage_is_watched(module, tmp_path, stage, op):
    stages = DEFAULT[DEFAULT.index("npu-fold-constants") : DEFAULT.index(stage) + 1]
    planted = PlantZeroPoint(op=op)
    with pytest.raises(ValidationError) as caught:
        run_passes(
            module,
            ["npu-set-target{name=edge-256}", *stages, planted, *DEFAULT[len(stages) + 1 :]],
            validate=Validator(reproducer_dir=tmp_path),
        )
    assert f"pass 'plant-zero-point{{op={op}}}' changed what the module computes; the first op that differs is {op}" in str(caught.value)
    assert caught.value.layer == "layer2.conv"
    assert (tmp_path / "before.mlir").stat().st_size > 0


def test_the_reproducer_replays(module, tmp_path, monkeypatch, capsys):
    with pytest.raises(ValidationError):
        run_passes(module, [PlantWrongZeroPoint()], validate=Validator(reproducer_dir=tmp_path))
    find, names = base.find_pass, base.pass_names()
    monkeypatch.setattr(
        "npuc.passes.pipeline.find_pass", lambda name: PlantWrongZeroPoint if name == "plant-wrong-zero-point" else find(name)
    )
    monkeypatch.setattr("npuc.passes.pipeline.pass_names", lambda: (*names, "plant-wrong-zero-point"))
    arguments = (tmp_path / "replay.txt").read_text().replace("'", "").split()[1:]
    assert opt.main(arguments) == 1
    assert "[NPU700] pass 'plant-wrong-zero-point' changed what the module computes" in capsys.readouterr().err


def test_only_passes_that_changed_something_are_checked(module):
    validator = Validator()
    runs = run_passes(module, ["canonicalize", PlantHarmlessNote(), "cse"], validate=validator)
    assert [run.changed for run in runs] == [False, True, False]
    assert validator.checked == ["plant-harmless-note"]


def test_a_module_that_cannot_be_executed_afterwards_is_the_passs_fault(module, tmp_path):
    @dataclass(frozen=True)
    class PlantForeign(Pass):
        def run(self, module: ir.Module) -> None:
            last = operations(module, "func.return")[0]
            with ir.InsertionPoint(last), last.location:
                value = ir.Operation.create("tosa.abs", results=[last.operands[0].type], operands=[last.operands[0]]).results[0]
            last.operands[0] = value

    with pytest.raises(ValidationError, match="left a module that cannot be executed"):
        run_passes(module, [PlantForeign()], validate=Validator(reproducer_dir=tmp_path))


def test_a_module_that_cannot_be_executed_yet_is_passed_over():
    with dialects.new_context():
        text = "func.func @main(%x: tensor<2xi8>) -> tensor<2xi8> {\n %0 = tosa.abs %x : (tensor<2xi8>) -> tensor<2xi8>\n return %0 : tensor<2xi8> }"
        validator = Validator()
        run_passes(ir.Module.parse(text), [PlantHarmlessNote()], validate=validator)
        assert validator.checked == []


def test_ir_that_the_verifier_refuses_is_an_internal_error(module):
    @dataclass(frozen=True)
    class PlantIllFormed(Pass):
        def run(self, module: ir.Module) -> None:
            operations(module, "npu.conv2d")[0].attributes["zp_x"] = to_attr(1000)

    with pytest.raises(InternalError, match="pass 'plant-ill-formed' left IR that is not well formed") as caught:
        run_passes(module, [PlantIllFormed()])
    assert caught.value.layer == "stem.conv"


def test_given_inputs_are_used(module, tmp_path):
    x = np.full((1, 4, 4, 2), 3, np.int8)
    with pytest.raises(ValidationError):
        run_passes(module, [PlantWrongZeroPoint()], validate=Validator([x], reproducer_dir=tmp_path))
    with np.load(tmp_path / "inputs.npz", allow_pickle=False) as saved:
        assert np.array_equal(saved["input_0"], x)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (np.float32([np.nan, 1]), np.float32([np.nan, 1]), ""),
        (np.float32([0.0]), np.float32([-0.0]), "differs in 1 of 1"),
        (np.int8([[1, 2]]), np.int8([[1, 3]]), "first at [0, 1]: 3 instead of 2"),
        (np.int8([1]), np.int8([[1]]), "int8 [1, 1] instead of int8 [1]"),
        (np.int8([1]), np.int16([1]), "int16"),
    ],
)
def test_a_difference_is_put_in_words(before, after, words):
    found = difference([before], [after])
    assert words in found
    assert bool(words) == bool(found)


def test_the_number_of_results_counts():
    assert difference([np.int8([1])], []) == "0 results instead of 1"


def test_zero_points_of_the_network_are_as_written(module):
    assert from_attr(operations(module, "npu.conv2d")[1].attributes["zp_x"]) == 3


def test_reproducers_go_to_a_new_folder_by_default(module, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ValidationError, match=str(tmp_path)):
        run_passes(module, [PlantWrongZeroPoint()], validate=Validator())
    assert [Path(p).name.startswith("npuc-plant-wrong-zero-point-") for p in tmp_path.iterdir()] == [True]
