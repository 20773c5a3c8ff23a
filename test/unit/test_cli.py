# SPDX-License-Identifier: Apache-2.0
"""The command line: what it prints, what it writes, and how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npuc
from npuc import targets
from npuc.cli import main
from npuc.errors import UnsupportedOp
from npuc.files import write_whole
from npuc.isa.base import Command, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.program import Layer, NpuSegment, Port, Program, Tensor
from npuc.ops import all_ops
from npuc.version import __version__


def copy_program() -> Program:
    """Sixteen bytes from the input through SRAM to the output."""
    shape = (1, 1, 1, 16)
    into = Dma(src=Operand.dense(Space.DRAM, 0, shape), dst=Operand.dense(Space.SRAM, 0, shape))
    out = Dma(src=Operand.dense(Space.SRAM, 0, shape), dst=Operand.dense(Space.DRAM, 128, shape))
    return Program(
        target=targets.get("edge-256"), inputs=(Port("x", 0),), outputs=(Port("y", 1),),
        tensors=(Tensor(0, "x", "i8", (1, 16), 0), Tensor(1, "y", "i8", (1, 16), 128)),
        segments=(NpuSegment((Command(into, "dma0", "copy"), Command(out, "dma0", "copy"))),),
        constants=b"", dram_bytes=256, sram_bytes=16, layers=(Layer("copy", "rescale", 0, 0),), metadata={"name": "copy"},
    )  # fmt: skip


@pytest.fixture
def program(tmp_path) -> Path:
    path = tmp_path / "copy.npub"
    copy_program().save(path)
    return path


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"npuc {__version__}\n")


@pytest.mark.parametrize("arguments", [["--version"], ["targets"], ["ops", "--json"], ["profile", "{}"], ["disasm", "{}"], ["run", "{}"]])
def test_what_needs_no_compiler_imports_none(arguments, program):
    code = "import sys\nfrom npuc.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
    code += "print(sorted({name.partition('.')[0] for name in sys.modules} & {'torch', 'torch_mlir', 'torchao'}))"
    command = [sys.executable, "-c", code, *(one.format(program) for one in arguments)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "[]"


def test_every_machine_is_listed(capsys):
    assert main(["targets"]) == 0
    listed = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert sorted(listed) == sorted(targets.names())
    assert main(["targets", "--json"]) == 0
    values = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert values["edge-256"]["fingerprint"] == targets.get("edge-256").fingerprint


def test_every_op_is_listed(capsys):
    assert main(["ops", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(all_ops())
    assert main(["ops", "add", "conv2d"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line[:1].strip()] == ["add(a, b)", "conv2d(input, weights, bias)"]


def test_an_unknown_op_is_answered_with_those_of_similar_name(capsys):
    assert main(["ops", "conv"]) == 1
    assert capsys.readouterr().err.startswith("npuc: error: [NPU100] there is no op 'conv'\n  found: conv\n  advice: did you mean conv")


def test_profile_prints_a_table_or_json(program, capsys):
    assert main(["profile", str(program)]) == 0
    assert capsys.readouterr().out.startswith("copy on edge-256: ")
    assert main(["profile", "--json", str(program)]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["off_chip_read_bytes"], values["off_chip_write_bytes"], values["layers"][0]["name"]) == (64, 64, "copy")


def test_disasm_prints_the_commands(program, capsys):
    assert main(["disasm", str(program)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:3] for line in lines if line.endswith("; copy")] == [["dma0", "dma"], ["dma0", "dma"]]


# errors --------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_named_without_a_traceback(capsys):
    assert main(["profile", "nowhere.npub"]) == 1
    assert capsys.readouterr().err == "npuc: error: [NPU100] 'nowhere.npub': No such file or directory\n"


def test_a_file_that_is_no_program_is_refused(tmp_path, capsys):
    path = tmp_path / "bad.npub"
    path.write_bytes(b"not a program at all")
    for command in ("profile", "disasm"):
        assert main([command, str(path)]) == 1
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.startswith("npuc: error: [NPU500]") and "Traceback" not in captured.err


def test_verbose_adds_the_traceback(tmp_path, capsys):
    command = [sys.executable, "-m", "npuc.cli", "profile", "-v", "nowhere.npub"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and done.stderr.rstrip().endswith("'nowhere.npub': No such file or directory")


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["compile"], ["compile", "m.pt2", "--sram-kib", "0"], ["compile", "m.pt2", "-v", "-q"], ["targets", "--nope"]]
)
def test_a_command_line_that_is_not_understood_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: npuc" in capsys.readouterr().err


def test_a_defect_is_reported_as_one(program, capsys, monkeypatch):
    monkeypatch.setattr("npuc.report.profile.profile", lambda program: 1 // 0)
    assert main(["profile", str(program)]) == 1
    assert capsys.readouterr().err.startswith("npuc: error: [NPU900] a defect of npuc\n  found: ZeroDivisionError: ")


# run -----------------------------------------------------------------------------------------------


def test_run_writes_one_file_an_output_and_a_batch_runs_in_steps(program, tmp_path, capsys):
    batch = np.arange(48, dtype=np.int8).reshape(3, 16)
    np.save(tmp_path / "x.npy", batch)
    out = tmp_path / "deep" / "out"
    assert main(["run", str(program), "--input", str(tmp_path / "x.npy"), "--output-dir", str(out)]) == 0
    assert [path.name for path in out.iterdir()] == ["output_0.npy"]
    assert np.array_equal(np.load(out / "output_0.npy", allow_pickle=False), batch)
    assert capsys.readouterr().out == f"wrote {out / 'output_0.npy'}: int8 3x16\n"


def test_inputs_are_held_against_the_program(program, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((1, 16), np.float32))
    for inputs, found in (([], "0"), (["x.npy"], "float32"), (["x.npy", "x.npy"], "2")):
        arguments = [text for name in inputs for text in ("--input", str(tmp_path / name))]
        assert main(["run", str(program), *arguments, "--output-dir", str(tmp_path / "out")]) == 1
        text = capsys.readouterr().err
        assert text.startswith("npuc: error: [NPU103]") and f"found: {found}" in text
    assert not (tmp_path / "out").exists()


def damaged(kind: str, tmp_path: Path) -> Path:
    path = tmp_path / "x.npy"
    if kind == "text":
        path.write_text("hello")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "objects":
        np.save(path, np.array([{}], object), allow_pickle=True)
    elif kind == "short":
        np.save(path, np.zeros(1000))
        path.write_bytes(path.read_bytes()[:-8])
    elif kind == "huge":
        np.save(path, np.zeros(1000))
        path.write_bytes(path.read_bytes().replace(b"(1000,)", b"(9999999999999,)", 1))
    elif kind == "archive":
        with open(path, "wb") as file:
            np.savez(file, x=np.zeros(3))
    return path


@pytest.mark.parametrize("kind", ["text", "empty", "objects", "short", "huge", "archive"])
def test_an_input_that_is_no_plain_array_is_refused(kind, tmp_path, capsys):
    path = damaged(kind, tmp_path)
    assert main(["run", "x.npub", "--input", str(path), "--output-dir", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"npuc: error: [NPU100] '{path}' ")
    assert not (tmp_path / "out").exists()


# compile -------------------------------------------------------------------------------------------


class Compiled:
    """Stands in for a compiled model."""

    schedule = {"groups": []}

    def save(self, path):
        copy_program().save(path)

    def profile(self):
        from npuc.report.profile import profile

        return profile(copy_program())


@pytest.fixture
def asked(monkeypatch) -> dict:
    """What npuc.compile was called with; the model is a stand-in with two inputs called x and y."""
    seen: dict = {}

    class Signature:
        user_inputs = ("x", "y")

    class Model:
        graph_signature = Signature()

    def compiled(model, **options):
        seen.update(options)
        return Compiled()

    monkeypatch.setattr("npuc.cli._load_model", lambda path: Model())
    monkeypatch.setattr(npuc, "compile", compiled, raising=False)
    return seen


def test_compile_writes_the_program_and_says_what_it_costs(asked, tmp_path, capsys):
    output = tmp_path / "net.npub"
    arguments = ["compile", "m.pt2", "--calibration", "random", "--target", "pico-64", "--sram-kib", "64", "--seed", "3", "-o", str(output)]
    assert main([*arguments, "--observer", "histogram", "--validate", "--save-schedule", str(tmp_path / "s.json")]) == 0
    assert Program.from_bytes(output.read_bytes()).outputs == copy_program().outputs
    assert (asked["target"], asked["sram_kib"], asked["seed"], asked["observer"], asked["validate"]) == ("pico-64", 64, 3, "histogram", True)
    assert asked["calibration"] == "random"
    assert json.loads((tmp_path / "s.json").read_text()) == {"groups": []}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.npub", "s.json"]
    assert capsys.readouterr().out.startswith(f"wrote {output}\n  copy on edge-256: ")


def test_calibration_arrays_are_taken_by_name_and_else_in_order(asked, tmp_path):
    first, second = np.zeros((4, 3), np.float32), np.ones((4, 5), np.float32)
    for names in (("y", "x"), ("first", "then")):
        # by name whatever the order of the file; without the names, the order of the file
        arrays = (second, first) if names[0] == "y" else (first, second)
        np.savez(tmp_path / "c.npz", **dict(zip(names, arrays, strict=True)))
        assert main(["compile", "m.pt2", "-q", "--calibration", str(tmp_path / "c.npz"), "-o", str(tmp_path / "n.npub")]) == 0
        ((x, y),) = asked["calibration"]
        assert (x.shape, y.shape) == ((4, 3), (4, 5))


def test_calibration_arrays_that_do_not_fit_are_refused(asked, tmp_path, capsys):
    np.savez(tmp_path / "c.npz", a=np.zeros(4), b=np.zeros(4), c=np.zeros(4))
    assert main(["compile", "m.pt2", "--calibration", str(tmp_path / "c.npz"), "-o", str(tmp_path / "n.npub")]) == 1
    assert "  found: a, b, c\n  wanted: x, y\n" in capsys.readouterr().err
    np.savez(tmp_path / "c.npz", x=np.zeros((4, 2)), y=np.zeros((5, 2)))
    assert main(["compile", "m.pt2", "--calibration", str(tmp_path / "c.npz"), "-o", str(tmp_path / "n.npub")]) == 1
    assert "different numbers of samples" in capsys.readouterr().err
    np.savez(tmp_path / "c.npz", x=np.array([{}], object), y=np.zeros(1))
    assert main(["compile", "m.pt2", "--calibration", str(tmp_path / "c.npz"), "-o", str(tmp_path / "n.npub")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_an_error_of_the_compiler_reaches_the_user_whole_and_leaves_no_file(asked, tmp_path, capsys, monkeypatch):
    def refuse(model, **options):
        raise UnsupportedOp("conv3d cannot be placed", layer="stem.conv", rule="rank", found=5, wanted=4, advice="use conv2d")

    monkeypatch.setattr(npuc, "compile", refuse, raising=False)
    assert main(["compile", "m.pt2", "-o", str(tmp_path / "n.npub")]) == 1
    lines = "[NPU300] conv3d cannot be placed\n  layer: stem.conv\n  rule: rank\n  found: 5\n  wanted: 4\n  advice: use conv2d\n"
    assert capsys.readouterr().err == f"npuc: error: {lines}"
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    output = tmp_path / "n.npub"
    output.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("npuc.files.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(output, b"new")
    assert output.read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["n.npub"]


def test_a_place_that_cannot_be_written_is_known_before_the_work(asked, tmp_path, capsys):
    assert main(["compile", "m.pt2", "-o", str(tmp_path / "nowhere" / "n.npub")]) == 1
    assert main(["compile", "m.pt2", "-o", str(tmp_path)]) == 1
    assert asked == {}
    assert "does not exist" in capsys.readouterr().err


def test_a_model_that_is_no_exported_program_is_refused(tmp_path, capsys):
    path = tmp_path / "m.pt2"
    assert main(["compile", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"npuc: error: [NPU100] there is no file '{path}'")
    pytest.importorskip("torch")
    path.write_bytes(b"PK nothing")
    assert main(["compile", str(path), "-o", str(tmp_path / "n.npub")]) == 1
    assert capsys.readouterr().err.startswith(f"npuc: error: [NPU200] '{path}' cannot be loaded")


# all of it -----------------------------------------------------------------------------------------


def test_a_saved_network_is_compiled_run_and_profiled(tmp_path, capsys):
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.head = torch.nn.Linear(8, 5)

        def forward(self, left, right):
            features = self.stem(left).relu() + self.stem(right)
            return self.head(features.mean((2, 3))), features

    torch.manual_seed(0)
    module, rng = Net().eval(), np.random.default_rng(0)
    samples = {name: rng.normal(size=(12, 3, 8, 8)).astype(np.float32) for name in ("right", "left")}
    inputs = {name: torch.from_numpy(array[:1]) for name, array in samples.items()}
    torch.export.save(torch.export.export(module, (inputs["left"], inputs["right"])), tmp_path / "net.pt2")
    # by name: the file holds them the other way round
    np.savez(tmp_path / "samples.npz", **samples)
    command = ["compile", str(tmp_path / "net.pt2"), "--calibration", str(tmp_path / "samples.npz"), "--target", "pico-64"]
    schedule = str(tmp_path / "schedule.json")
    assert main([*command, "-o", str(tmp_path / "first.npub"), "--save-schedule", schedule, "--save-stages", str(tmp_path / "stages")]) == 0
    assert main([*command, "-o", str(tmp_path / "second.npub"), "--schedule", schedule, "-q"]) == 0
    assert (tmp_path / "first.npub").read_bytes() == (tmp_path / "second.npub").read_bytes()
    assert list((tmp_path / "stages").glob("*.mlir"))
    arguments = ["run", str(tmp_path / "first.npub"), "-q", "--output-dir", str(tmp_path)]
    for name in ("left", "right"):
        np.save(tmp_path / f"{name}.npy", samples[name][:3])
        arguments += ["--input", str(tmp_path / f"{name}.npy")]
    assert main(arguments) == 0
    with torch.no_grad():
        wanted = module(*(torch.from_numpy(samples[name][:3]) for name in ("left", "right")))
    for number, exact in enumerate(wanted):
        found = np.load(tmp_path / f"output_{number}.npy", allow_pickle=False)
        assert found.shape == tuple(exact.shape) and np.abs(found - exact.numpy()).max() < 0.1
    capsys.readouterr()
    assert main(["profile", str(tmp_path / "first.npub"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert {"stem", "head"} <= {layer["name"] for layer in values["layers"]}
    assert values["network"] == "first" and values["target"] == "pico-64"
    assert values["npu_macs"] == 2 * 8 * 8 * 8 * 27 + 40
    assert values["network_bound_cycles"] <= values["cycles"]
