# SPDX-License-Identifier: Apache-2.0
"""The tools that look at the whole repository are content, and would not be with a planted violation."""

import subprocess
import sys
from pathlib import Path

import pytest

from house.rules import ROOT

BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = ROOT) -> tuple[int, str]:
    """Exit status and everything printed."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def installed(tool: str) -> Path:
    if not (BIN / tool).exists():
        pytest.skip(f"{tool} is not installed")
    return BIN / tool


def test_ruff_is_content():
    status, output = run(installed("ruff"), "check", "--no-cache", "--output-format=concise", ".")
    assert status == 0, output


def test_ruff_notices_an_unused_import(tmp_path):
    (tmp_path / "planted.py").write_text("import os\n")
    status, output = run(installed("ruff"), "check", "--no-cache", "--config", ROOT / "pyproject.toml", tmp_path)
    assert status == 1 and "F401" in output


def test_the_layers_hold():
    status, output = run(installed("lint-imports"), "--no-cache")
    assert status == 0, output


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("isa", "from planted.passes import nothing", "the layers of docs/architecture.md BROKEN"),
        ("numerics", "import planted.targets", "the layers of docs/architecture.md BROKEN"),
        ("runtime", "import torch", "neither MLIR nor torch BROKEN"),
        ("sim", "def f():\n    import torch_mlir.ir", "neither MLIR nor torch BROKEN"),
    ],
)
def test_a_planted_import_breaks_a_contract(tmp_path, room, line, contract):
    """The contracts of pyproject.toml, on a package of the same rooms with one wrong import."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.importlinter]")
    (tmp_path / "pyproject.toml").write_text(settings[1] + settings[2].replace("npuc", "planted"), encoding="utf-8")
    for name in ("numerics", "targets", "isa", "ops", "timing", "plan", "sim", "dialects", "passes", "runtime", "report"):
        folder = tmp_path / "planted" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    (tmp_path / "planted" / "__init__.py").touch()
    status, output = run(installed("lint-imports"), "--no-cache", cwd=tmp_path)
    assert status == 0, output
    (tmp_path / "planted" / room / "__init__.py").write_text(line + "\n")
    status, output = run(installed("lint-imports"), "--no-cache", cwd=tmp_path)
    assert status == 1 and contract in output, output


def test_programs_load_and_run_without_mlir_and_torch():
    """In a process of its own: here, other tests may have imported both."""
    status, output = run(sys.executable, ROOT / "tools" / "check_wheel.py")
    assert status == 0, output


def test_import_npuc_is_light():
    program = "import sys, npuc; sys.exit(', '.join({'torch', 'torch_mlir', 'torchao'} & set(sys.modules)) or 0)"
    status, output = run(sys.executable, "-c", program)
    assert status == 0, output
