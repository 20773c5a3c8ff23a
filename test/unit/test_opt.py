# SPDX-License-Identifier: Apache-2.0
"""npu-opt as a tool: pipelines, diagnostics, exit statuses. In process, which is much quicker than lit."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from npuc import opt

MODULE = """func.func @main(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = tensor.empty() : tensor<4xi8>
  return %x : tensor<4xi8>
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in.mlir"
    path.write_text(MODULE)
    return path


def test_passes_of_npuc_and_of_mlir_mix_in_one_pipeline(file, capsys):
    assert opt.main([str(file), "--pass-pipeline=builtin.module(npu-set-target{name=pico-64 sram-kib=8},func.func(cse,canonicalize))"]) == 0
    out = capsys.readouterr().out
    assert '#npu.target<"pico-64", {sram_bytes = 8192 : i64}>' in out
    assert "tensor.empty" not in out


def test_passes_are_flags_in_the_order_given(file, capsys):
    assert (
        opt.main(
            [
                str(file),
                "--npu-set-target=name=pico-64",
                "--canonicalize=max-iterations=2",
                "--npu-set-target=name=edge-256",
                "--mlir-timing",
            ]
        )
        == 0
    )
    captured = capsys.readouterr()
    assert '"edge-256"' in captured.out
    assert "canonicalize{max-iterations=2}" in captured.err


def test_an_unknown_pass_is_named(file, capsys):
    assert opt.main([str(file), "--npu-nothing"]) == 1
    assert "there is no pass 'npu-nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("pipeline", ["builtin.module(canonicalize", "canonicalize)"])
def test_brackets_that_do_not_match_are_an_error(file, capsys, pipeline):
    assert opt.main([str(file), f"--pass-pipeline={pipeline}"]) == 1
    assert "bracket" in capsys.readouterr().err


def test_an_unknown_option_is_named_with_those_that_exist(file, capsys):
    assert opt.main([str(file), "--npu-set-target=nam=edge-256"]) == 1
    err = capsys.readouterr().err
    assert "pass 'npu-set-target' has no option 'nam'" in err and "wanted: name, sram-kib" in err


def test_a_parse_error_names_file_and_line(tmp_path, capsys):
    path = tmp_path / "bad.mlir"
    path.write_text("func.func @main() {\n  return %x : i8\n}\n")
    assert opt.main([str(path)]) == 1
    assert f"{path}:2:10: error: use of undeclared SSA value name" in capsys.readouterr().err


def test_a_missing_file_is_an_error_without_traceback(tmp_path, capsys):
    assert opt.main([str(tmp_path / "none.mlir")]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/none.mlir: error: No such file or directory\n"


def test_bytes_that_are_no_text_are_refused(tmp_path, capsys):
    path = tmp_path / "in.mlir"
    path.write_bytes(b"\xff\x00module {}")
    assert opt.main([str(path)]) == 1
    assert "neither text nor MLIR bytecode" in capsys.readouterr().err


def test_a_layer_whose_name_is_no_text_is_refused(tmp_path, capsys):
    path = tmp_path / "in.mlir"
    path.write_text('module attributes {npu.note = "\\\\FF is a backslash, \\C3\\A9 is a letter"} {}')
    assert opt.main([str(path), "--canonicalize"]) == 0
    path.write_text('module {} loc("layer \\E8\\EE")')
    assert opt.main([str(path), "--canonicalize"]) == 1
    assert "a string of the module is no UTF-8" in capsys.readouterr().err


def test_standard_input_is_read(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MODULE.encode())))
    assert opt.main(["-"]) == 0
    assert "func.func @main" in capsys.readouterr().out


def test_nothing_is_written_when_a_pass_fails(file, tmp_path):
    out = tmp_path / "out.mlir"
    assert opt.main([str(file), "--npu-set-target=name=none", "-o", str(out)]) == 1
    assert not out.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mlir"]
    assert opt.main([str(file), "-o", str(out)]) == 0
    assert "func.func @main" in out.read_text()


def test_chunks_are_handled_one_by_one_and_keep_their_lines(tmp_path, capsys):
    path = tmp_path / "in.mlir"
    path.write_text("func.func @a() { return }\n// -----\nfunc.func @a() {\n  return %x : i8\n}\n")
    assert opt.main([str(path), "--split-input-file"]) == 1
    assert f"{path}:4:10: error: use of undeclared" in capsys.readouterr().err
    path.write_text("func.func @a() { return }\n// -----\nfunc.func @a() { return }\n")
    assert opt.main([str(path), "--split-input-file"]) == 0
    assert capsys.readouterr().out.count("// -----\n") == 1


@pytest.mark.parametrize(
    "comment",
    [
        "// expected-error@+2 {{use of undeclared SSA value name}}",
        "// expected-error-re@+2 {{use of {{un[a-z]+}} SSA}}",
    ],
)
def test_an_expected_error_is_found(tmp_path, comment):
    path = tmp_path / "in.mlir"
    path.write_text(f"{comment}\nfunc.func @a() {{\n  return %x : i8\n}}\n")
    assert opt.main([str(path), "--verify-diagnostics"]) == 0


def test_an_expected_error_that_does_not_come_is_reported(tmp_path, capsys):
    path = tmp_path / "in.mlir"
    path.write_text("// expected-error@+1 {{no such thing}}\nfunc.func @a() { return }\n")
    assert opt.main([str(path), "--verify-diagnostics"]) == 1
    assert f'{path}:1: error: expected error "no such thing" was not produced' in capsys.readouterr().err


def test_an_error_nobody_expects_is_reported(tmp_path, capsys):
    path = tmp_path / "in.mlir"
    path.write_text("func.func @a() {\n  return %x : i8\n}\n")
    assert opt.main([str(path), "--verify-diagnostics"]) == 1
    assert f"{path}:2: error: unexpected error: use of undeclared" in capsys.readouterr().err


def test_a_stage_saved_as_bytecode_is_read_again(file, tmp_path, capsys):
    saved = tmp_path / "in.mlirbc"
    assert opt.main([str(file), "--emit-bytecode", "-o", str(saved)]) == 0
    assert opt.main([str(saved)]) == 0
    assert "tensor.empty" in capsys.readouterr().out


def test_damaged_bytecode_is_one_clear_error(file, tmp_path, capsys):
    saved = tmp_path / "in.mlirbc"
    assert opt.main([str(file), "--emit-bytecode", "-o", str(saved)]) == 0
    saved.write_bytes(saved.read_bytes()[:60])
    assert opt.main([str(saved)]) == 1
    assert "the bytecode is damaged" in capsys.readouterr().err


def test_stages_are_saved_as_bytecode_and_text_where_something_changed(file, tmp_path):
    assert (
        opt.main(
            [str(file), "--cse", "--npu-set-target=name=pico-64", "--cse", f"--save-stages={tmp_path / 's'}", "-o", str(tmp_path / "o")]
        )
        == 0
    )
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "00-input.mlir", "00-input.mlirbc", "01-cse.mlir", "01-cse.mlirbc", "02-npu-set-target.mlir", "02-npu-set-target.mlirbc",
    ]  # fmt: skip


def test_ir_is_printed_after_every_pass(file, capsys):
    assert opt.main([str(file), "--npu-set-target=name=pico-64", "--cse", "--mlir-print-ir-after-all"]) == 0
    err = capsys.readouterr().err
    assert "IR Dump After npu-set-target{name=pico-64}" in err and "IR Dump After cse" in err


def test_every_pass_is_listed_with_its_documentation(capsys):
    assert opt.main(["--list-passes"]) == 0
    out = capsys.readouterr().out
    assert "--npu-set-target\n      Names the machine that the module is compiled for" in out
    assert "    name (required): the machine" in out


def test_torch_is_never_imported():
    code = "import sys; from npuc import opt; opt.main(['--list-passes']); assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
