# SPDX-License-Identifier: Apache-2.0
"""Facts that stand in two files are the same in both."""

import csv
import importlib
import re
import subprocess
import tomllib

from house.rules import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def plain(requirement: str) -> str:
    """`PyTest-xdist>=3` -> `pytest-xdist`."""
    return re.sub(r"[_.]", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {plain(line): line.partition("==")[2] for line in lines if line and not line.startswith("#")}


def test_every_requirement_is_pinned_exactly():
    wanted = PYPROJECT["build-system"]["requires"] + PYPROJECT["project"]["dependencies"]
    wanted += [item for extra in PYPROJECT["project"]["optional-dependencies"].values() for item in extra]
    missing = {plain(item) for item in wanted} - {"npuc"} - {name for name, version in pins().items() if version}
    assert missing == set()


def test_exact_requirements_agree_with_the_pins():
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    exact = [item for item in [*PYPROJECT["project"]["dependencies"], *(item for extra in extras for item in extra)] if "==" in item]
    assert "torch-mlir==20261001" in exact
    assert [item for item in exact if pins()[plain(item)] != item.partition("==")[2]] == []


def test_the_photos_are_all_attributed():
    with open(ROOT / "examples/photos/labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40 == len({row["class_index"] for row in rows})
    assert {row["file"] for row in rows} == {path.name for path in (ROOT / "examples/photos").glob("*.jpg")}
    third_party = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert [row["file"] for row in rows if f"| `{row['file']}` | {row['author']} | <{row['url']}> |" not in third_party] == []


def test_the_class_names_are_those_of_a_thousand_classes_after_background():
    names = (ROOT / "examples/imagenet_labels.txt").read_text(encoding="utf-8").splitlines()
    assert (len(names), names[0], names[1]) == (1001, "background", "tench, Tinca tinca")


def test_ci_runs_the_tests_and_nothing_else():
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith(("#", "set ", "cd "))] == ["make test"]


def test_the_command_without_arguments_lists_the_commands():
    done = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = ["demo", "test", "sanitize", "check", "golden", "bench", "performance", "fuzz", "hostile", "tosa", "docs", "wheel"]
    assert [line.split()[1] for line in done.stdout.splitlines()] == commands


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", importlib.import_module("npuc.version").__version__)
