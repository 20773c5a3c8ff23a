# SPDX-License-Identifier: Apache-2.0
"""Cases of TOSA's own test generator, their results by TOSA's reference model, and what npuc makes of them.

The tools come with the wheel `tosa-tools`, which pins other versions of numpy than npuc uses and so has an environment of its own:
they are looked for in the folder that NPUC_TOSA_TOOLS names, beside the interpreter, in .venv-tosa (which `make tosa` makes), on PATH.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npuc.errors import DoesNotFit, NpucError

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("edge-256", "edge-2048", "u65-512-dram")


# Flaws of a flatbuffer's lists of tensors, which MLIR has no way to express.
LOST = ("ERRORIF_WrongInputList", "ERRORIF_WrongOutputList")


@dataclass(frozen=True)
class Tools:
    """The programs of the wheel."""

    build: Path
    opt: Path
    model: Path


def find_tools() -> Tools | None:
    """The tools, None where they are not installed."""
    names = ("tosa_verif_build_tests", "tosa-opt", "tosa_reference_model")
    folders = [os.environ.get("NPUC_TOSA_TOOLS"), Path(sys.executable).parent, ROOT / ".venv-tosa" / "bin"]
    for folder in (Path(entry) for entry in folders if entry):
        if all((folder / name).is_file() for name in names):
            return Tools(*(folder / name for name in names))
    found = [shutil.which(name) for name in names]
    return Tools(*map(Path, found)) if all(found) else None  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """One generated case.

    Attributes:
        folder: its files: test.tosa, desc.json, inputs.
        group: the op, with its kernel where it has one.
    """

    folder: Path

    @property
    def group(self) -> str:
        return self.folder.parent.name

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def description(self) -> dict:
        return json.loads((self.folder / "desc.json").read_text())


def generate(
    tools: Tools, folder: Path, seed: int, *, dtypes: tuple[str, ...] = ("int8",), extensions: tuple[str, ...] = ("none",), pattern: str = "",
    negative: bool = False, more: tuple[str, ...] = (),
) -> list[Case]:  # fmt: skip
    """The cases of a seed, by name; written anew unless `folder` holds them.

    Args:
        dtypes: element types of the main operand, in the generator's words.
        extensions: of the TOSA profile PRO-INT.
        pattern: regular expression on op names.
        negative: cases that must be refused, instead of those that have a result.
        more: further options of the generator.
    """
    if not folder.is_dir():
        command = [
            str(tools.build), "--profile", "tosa-pro-int", "--tosa-version", "1.0", "--seed", str(seed), "-o", str(folder),
            "--test-type", "negative" if negative else "positive", *more,
        ]  # fmt: skip
        for dtype in dtypes:
            command += ["--target-dtype", dtype]
        command += ["--extension", *extensions]
        if pattern:
            command += ["--filter", pattern]
        subprocess.run(command, check=True, capture_output=True, cwd=folder.parent)
    return sorted((Case(path.parent) for path in folder.glob("*/*/desc.json")), key=lambda case: (case.group, case.name))


def text_of(tools: Tools, case: Case) -> str | None:
    """The case as MLIR text; None where TOSA's own reader refuses the file."""
    cached = case.folder / "test.mlir"
    if not cached.is_file():
        passes = f"builtin.module(tosa-deserialize{{tosa-flatbuffer-filename={case.folder / 'test.tosa'}}})"
        # what breaks the specification is ours to refuse, not its reader's
        command = [str(tools.opt), os.devnull, "--verify-each=0", f"--pass-pipeline={passes}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        # a remark on the version may follow the module on the same stream
        cached.write_text(done.stdout.partition("\nWARNING")[0] if done.returncode == 0 else "")
    return cached.read_text() or None


def expected(tools: Tools, case: Case) -> list[np.ndarray] | None:
    """What the reference model computes, None where it refuses the case."""
    known = case.description
    files = [case.folder / name for name in known["ofm_file"]]
    if not all(path.is_file() for path in files):
        subprocess.run([str(tools.model), f"--test_desc={case.folder / 'desc.json'}"], capture_output=True, check=False)
    if not all(path.is_file() for path in files):
        return None
    return [np.load(path, allow_pickle=False) for path in files]


def inputs(case: Case) -> list[np.ndarray]:
    """The arrays that the case is run on."""
    return [np.load(case.folder / name, allow_pickle=False) for name in case.description["ifm_file"]]


# what npuc makes of a case ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How a case went: "exact", "refused", "wrong", "crashed", "no result" where the reference model gives none, "lost" where the flaw of a
    negative case is gone once TOSA's own reader has made MLIR of it.

    Attributes:
        rule: the rule that was broken, of a refusal.
        detail: what was found.
    """

    case: Case
    verdict: str
    rule: str = ""
    detail: str = ""
    on_npu: bool = False


def check(tools: Tools, case: Case, *, simulate: bool = True, seed: int = 0, targets: Sequence[str] = TARGETS) -> Outcome:
    """Import, convert and interpret; with `simulate` also compile for one of `targets`, chosen by `seed`, and run the program."""
    try:
        return _check(tools, case, simulate, random.Random(f"{seed} {case.name}").choice(targets))
    except NpucError as error:
        refused = error.code.startswith(("NPU1", "NPU2", "NPU3", "NPU4"))
        rule = error.rule or error.message.partition(":")[0]
        if isinstance(error, DoesNotFit):
            rule = "fits in the SRAM of the machine"
        return Outcome(case, "refused" if refused else "crashed", rule, str(error) if not refused else f"{error.message}: {error.found}")
    except Exception:
        return Outcome(case, "crashed", "", traceback.format_exc()[-1500:])


def _check(tools: Tools, case: Case, simulate: bool, target: str) -> Outcome:
    from torch_mlir import ir

    import npuc
    from npuc import interpret
    from npuc.frontend.tosa import import_tosa
    from npuc.isa.program import NpuSegment
    from npuc.passes.pipeline import run_passes

    text = text_of(tools, case)
    if text is None:
        return Outcome(case, "refused", "TOSA's own reader takes the file")
    context = ir.Context()
    module = import_tosa(text, context)
    if any(flaw in case.name for flaw in LOST):
        return Outcome(case, "lost")
    arrays = inputs(case)
    with context, ir.Location.unknown():
        run_passes(module, ["convert-tosa-to-npu"])
        results = interpret.run(module, arrays)
    wanted = expected(tools, case)
    if wanted is None:
        return Outcome(case, "no result", "", "the reference model refuses the case")
    problem = _difference(wanted, results)
    if problem:
        return Outcome(case, "wrong", "", f"interpreted: {problem}")
    if not simulate:
        return Outcome(case, "exact")
    compiled = npuc.compile(case.folder / "test.mlir", target=target)
    found = compiled.run(*arrays)
    problem = _difference(wanted, list(found) if isinstance(found, tuple) else [found])
    if problem:
        return Outcome(case, "wrong", "", f"on {target}: {problem}")
    return Outcome(case, "exact", on_npu=any(isinstance(segment, NpuSegment) for segment in compiled.program.segments))


def _difference(wanted: list[np.ndarray], found: list[np.ndarray]) -> str:
    """What differs, "" where nothing does; 48-bit values arrive as i64 on both sides."""
    for index, (x, y) in enumerate(zip(wanted, found, strict=True)):
        if x.shape != y.shape or x.dtype.itemsize != y.dtype.itemsize:
            return f"result {index} is {y.dtype} {y.shape}, wanted {x.dtype} {x.shape}"
        wrong = x.astype(np.int64) != y.astype(np.int64)
        if wrong.any():
            return f"result {index}: {int(wrong.sum())} of {wrong.size} elements differ"
    return ""
