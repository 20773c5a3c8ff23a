# SPDX-License-Identifier: Apache-2.0
"""The documentation is true: its examples run, its links lead somewhere, its reference is up to date.

In a page, every ```python block is run, one after the other in one process; an ```output block is what the block before it printed.
In a ```console block every line after `$ ` is run in the same folder; lines below it must occur in what it prints, `...` stands for
anything. Other blocks are not run.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- end of block ---"
TOOLS = {"npuc": "npuc.cli", "npu-opt": "npuc.opt"}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "110"}


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of every fenced block."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run_python(texts: list[str], folder: Path) -> list[str]:
    """What each block printed; they share one process."""
    script = folder / "example.py"
    script.write_text("".join(f"{text}\nprint({MARK!r})\n" for text in texts), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "ignore", str(script)], cwd=folder, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr[-3000:]
    return [part.removeprefix("\n") for part in done.stdout.split(MARK)[: len(texts)]]


def run_console(text: str, folder: Path) -> None:
    """Runs the commands of one block and compares."""
    commands: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif line.strip():
            commands[-1][1].append(line)
    for command, expected in commands:
        tool, *arguments = shlex.split(command)
        done = subprocess.run([sys.executable, "-m", TOOLS[tool], *arguments], cwd=folder, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        assert done.returncode == 0, f"{command}\n{done.stderr[-3000:]}"
        at = 0
        lines = done.stdout.splitlines()
        for wanted in expected:
            if wanted.strip() == "...":
                continue
            pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("...")))
            at = next((i + 1 for i in range(at, len(lines)) if pattern.fullmatch(lines[i].rstrip())), -1)
            assert at >= 0, f"{command} does not print {wanted!r} there, but\n{done.stdout[:3000]}"


@pytest.mark.parametrize("page", [page for page in PAGES if {"python", "console"} & {language for language, _ in blocks(page)}], ids=name)
def test_the_examples_of_a_page_run_and_print_what_it_says(page, tmp_path):
    found = blocks(page)
    python = [text for language, text in found if language == "python"]
    if any("torch" in text and "torch_mlir" not in text for text in python):
        pytest.importorskip("torch")
    printed = iter(run_python(python, tmp_path) if python else [])
    last = ""
    for language, text in found:
        if language == "python":
            last = next(printed)
        elif language == "output":
            assert last.rstrip() == text.rstrip()
        elif language == "console":
            run_console(text, tmp_path)


def anchors(page: Path) -> set[str]:
    """The names that a heading gives, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_every_file_that_a_how_to_names_exists_or_is_its_example():
    examples = {"upper", "absolute", "demo_512", "npu_fold_flat_clamps"}
    missing = []
    for page in [ROOT / "README.md", ROOT / "docs/architecture.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]:
        for path in re.findall(r"`((?:python|dialects|test|docs|lib|examples|tools|bench)/[\w./-]+\.\w+)`", page.read_text(encoding="utf-8")):
            if Path(path).stem.removeprefix("test_") not in examples and not (ROOT / path).exists():
                missing.append(f"{name(page)}: {path}")
    assert missing == []


def test_the_reference_is_what_the_code_says():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/gen_docs.py"), "--check"], capture_output=True, text=True, check=False, env=ENVIRONMENT, cwd=ROOT
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_every_decision_is_listed():
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8"))
    assert listed == sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))
