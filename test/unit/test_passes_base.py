# SPDX-License-Identifier: Apache-2.0
"""What a pass is: options, names, errors with places, contracts."""

import gc
import importlib
from dataclasses import dataclass

import pytest
from torch_mlir import ir

from npuc import dialects
from npuc.errors import InternalError, UnsupportedOp, UserInputError
from npuc.passes import contracts
from npuc.passes._rewrites import Rewrite, count_rewrites
from npuc.passes.base import (
    Diagnostic,
    Diagnostics,
    Pass,
    error_from,
    find_pass,
    layer_name,
    operations,
    option,
    pass_names,
    refusal,
    target_of,
)
from npuc.passes.npu_set_target import NpuSetTarget
from npuc.passes.pipeline import DEFAULT, run_passes, split_pipeline


@dataclass(frozen=True)
class DemoPass(Pass):
    count: int = option("how many", default=1)
    name: str = option("which")
    fast: bool = option("quickly", default=False)
    limit: float | None = option("at most", default=None)

    def run(self, module: ir.Module) -> None:
        for op in operations(module, "tensor.empty"):
            op.location.emit_error("no room")


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name=a", DemoPass(name="a")),
        ("name=a-b count=3 fast", DemoPass(name="a-b", count=3, fast=True)),
        ('name="a b" fast=false limit=0.5', DemoPass(name="a b", limit=0.5)),
        ("  name='x=y'  limit=none ", DemoPass(name="x=y")),
    ],
)
def test_options_are_read_as_mlir_writes_them_and_printed_again(text, expected):
    assert DemoPass.parse(text) == expected
    body = str(expected).removeprefix("demo-pass").removeprefix("{").removesuffix("}")
    assert DemoPass.parse(body) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs option 'name'"),
        ("name=a count=many", "option 'count' of pass 'demo-pass' is not usable"),
        ("name=a fast=maybe", "wanted: true or false"),
        ("name=a slow", "has no option 'slow'"),
        ("name=a =3", "not readable"),
    ],
)
def test_options_that_are_wrong_are_named(text, words):
    with pytest.raises(UserInputError, match=words):
        DemoPass.parse(text)


def test_a_pass_is_found_by_its_file():
    assert find_pass("npu-set-target") is NpuSetTarget
    assert NpuSetTarget.pass_name() == "npu-set-target"
    with pytest.raises(KeyError):
        find_pass("base")


@pytest.mark.parametrize("name", [name for name in pass_names() if name.startswith("npu-")])
def test_every_pass_has_a_docstring(name):
    assert len(find_pass(name).doc()) > 60


def test_every_stage_of_the_default_order_is_a_pass_of_ours_or_one_of_mlirs():
    assert {name for name in DEFAULT if name not in pass_names()} <= {
        "canonicalize",
        "cse",
        "convert-linalg-to-npu",
        "convert-npu-to-npu-cmd",
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("builtin.module(a,b{x=1 y=2},func.func(c,d))", ["a", "b{x=1 y=2}", "func.func(c,d)"]),
        (" any( a , b ) ", ["a", "b"]),
        ("a", ["a"]),
        ("", []),
    ],
)
def test_a_pipeline_is_split_at_its_own_commas(text, parts):
    assert split_pipeline(text) == parts


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ('loc("layer1.conv")', "layer1.conv"),
        ('loc("layer1.conv"("model.py":3:4))', "layer1.conv"),
        ('loc(fused["model.py":3:4, "layer2", "layer3"])', "layer2"),
        ('loc(callsite("inner" at "outer"))', "inner"),
        ('loc("model.py":3:4)', ""),
        ("loc(unknown)", ""),
    ],
)
def test_a_layers_name_comes_from_its_location(location, name):
    module = ir.Module.parse(f"func.func @main() {{\n %0 = tensor.empty() : tensor<1xi8> {location}\n return }}")
    assert layer_name(operations(module, "tensor.empty")[0]) == name


MODULE = 'func.func @main() {\n  %0 = tensor.empty() : tensor<1xi8> loc("stem"("in.mlir":7:3))\n  return\n}'


def test_an_error_at_an_op_fails_the_pass_and_names_the_layer():
    with pytest.raises(UnsupportedOp, match="pass 'demo-pass.name=a.' cannot handle the module: in.mlir:7: no room") as caught:
        run_passes(ir.Module.parse(MODULE), [DemoPass(name="a")])
    assert caught.value.layer == "stem"


def test_a_refusal_is_an_error_and_a_diagnostic(context):
    module = ir.Module.parse(MODULE)
    with Diagnostics(context) as seen:
        error = refusal(operations(module, "tensor.empty")[0], UnsupportedOp, "no", rule="r", found=1, wanted=2)
    assert (error.layer, error.rule) == ("stem", "r")
    assert [(d.file, d.line, d.layer) for d in seen.errors] == [("in.mlir", 7, "stem")]


def test_the_first_of_several_diagnostics_speaks():
    found = [Diagnostic("note", "n"), Diagnostic("error", "first", "f", 3), Diagnostic("error", "second")]
    assert str(error_from(found, InternalError, "it failed")) == "[NPU900] it failed: f:3: first (and 1 more)"
    assert str(error_from([], InternalError, "it failed")) == "[NPU900] it failed"


def test_one_of_mlirs_passes_that_fails_is_an_internal_error():
    text = "func.func @main(%x: tensor<2xi8>) -> tensor<2xi8> {\n %0 = tosa.abs %x : (tensor<2xi8>) -> tensor<2xi8>\n return %0 : tensor<2xi8> }"
    with pytest.raises(InternalError, match="pass 'convert-func-to-llvm' failed|not legal|failed"):
        run_passes(ir.Module.parse(text), ["one-shot-bufferize{bufferize-function-boundaries=1}"])


def test_the_target_is_what_the_module_names():
    module = ir.Module.parse("module {}")
    with pytest.raises(UserInputError, match="names no target"):
        target_of(module)
    run_passes(module, ["npu-set-target{name=edge-256 sram-kib=100}"])
    assert (target_of(module).name, target_of(module).sram.bytes) == ("edge-256", 102400)
    module.operation.attributes["npu.target"] = ir.StringAttr.get("edge-256")
    with pytest.raises(UserInputError, match="not readable"):
        target_of(module)


def test_an_op_that_a_stage_promises_not_to_leave_is_named():
    module = ir.Module.parse(MODULE)
    contracts.check(module, "npu-tile")
    contracts.check(module, "canonicalize")
    with pytest.raises(InternalError, match="'tensor.empty' is not legal after npu-partition") as caught:
        contracts.check(module, "npu-partition")
    assert caught.value.layer == "stem"


def test_a_context_goes_when_its_last_pass_has_run():
    before = ir.Context._get_live_count()
    for _ in range(3):
        with dialects.new_context(), ir.Location.unknown():
            run_passes(ir.Module.parse("module {}"), ["npu-fold-constants", "canonicalize"])
    gc.collect()
    # the last one may still be named by this frame
    assert ir.Context._get_live_count() <= before + 1


# rewrites counted --------------------------------------------------------------------------------------


def test_rewrites_are_counted_where_somebody_counts_and_patterns_that_miss_have_none():
    text = """
func.func @main(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = "npu.pad"(%x) {pads = array<i64: 0, 0, 0, 0>, value = 0 : i64} : (tensor<1x4xi8>) -> tensor<1x4xi8>
  return %0 : tensor<1x4xi8>
}"""
    with dialects.new_context(), ir.Location.unknown():
        with count_rewrites() as found:
            run_passes(ir.Module.parse(text), ["npu-fuse-pads"])
        run_passes(ir.Module.parse(text), ["npu-fuse-pads"])
    assert found[Rewrite("npu-fuse-pads", "fuse_pad", "npu.pad")] == 1
    assert found[Rewrite("npu-fuse-pads", "fuse_window", "npu.conv2d")] == 0
    assert len(found) == 5


def test_a_pattern_is_named_by_its_pass_its_file_and_what_a_partial_fixes():
    files = importlib.import_module("npuc.passes.convert_tosa_to_npu.add")
    ((op, pattern),) = files.FUSIONS
    assert Rewrite.of(pattern, op) == Rewrite("convert-tosa-to-npu", "sum.fuse(add)", "npu.rescale")
