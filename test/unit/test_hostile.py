# SPDX-License-Identifier: Apache-2.0
"""Damaged files: one clear error with its code, exit status 1, no traceback; never a crash, a hang or all memory.

20,000 of them: `make hostile`.
"""

import secrets
import zlib
from pathlib import Path

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects
from npuc.cli import main
from npuc.fuzz import hostile
from npuc.fuzz.mutate import mutate
from npuc.fuzz.processes import Limits
from npuc.fuzz.tosa import random_module
from npuc.isa.program import Program
from samples import tflite_ops

FILES = 240
GOLDEN = sorted((Path(__file__).resolve().parents[1] / "golden").glob("*.npub"))
TEST_FOLDER = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A file of each kind, programs twice."""
    folder = tmp_path_factory.mktemp("sound")
    rng = np.random.default_rng(0)
    with dialects.new_context(), ir.Location.unknown():
        (folder / "module.mlir").write_text(str(random_module(rng)))
    (folder / "conv.tflite").write_bytes(tflite_ops.CASES["CONV_2D"](rng))
    return [GOLDEN[-1], folder / "module.mlir", GOLDEN[0], folder / "conv.tflite"]


def test_sound_files_are_accepted(sound):
    assert [hostile.handle(path.read_bytes(), path.suffix) for path in sound] == [("accepted", "")] * 4


def test_damaged_files_end_in_an_error_with_a_code_or_in_a_result(sound, tmp_path):
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}")
    report = hostile.search(sound, numbers=range(FILES), seed=seed, workers=1, folder=tmp_path, told=lambda report, broken: None)
    assert not report.broken, "\n".join(map(str, report.broken))
    assert report.files == FILES == report.outcomes.total()
    assert {suffix for suffix, outcome in report.outcomes if outcome.startswith("NPU")} == {".npub", ".tflite", ".mlir"}


def test_a_file_that_does_harm_is_saved(sound, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TEST_FOLDER))
    monkeypatch.setattr(hostile, "ANSWER", "samples.deaths:hostile_answer")
    found = []
    report = hostile.search(
        sound, numbers=range(2), seed=5, workers=1, folder=tmp_path, told=lambda report, broken: found.append(broken), limits=Limits(seconds=20)
    )
    assert [broken and broken.what for broken in found] == ["the process died: signal SIGABRT", None]
    assert Path(report.broken[0].path).read_bytes() == hostile.damaged(sound[0], 5, 0)


@pytest.mark.parametrize("number", range(6))
def test_the_command_line_says_it_in_one_error_and_status_1(sound, number, tmp_path, capsys):
    rng = np.random.default_rng(number)
    for path in sound:
        data = path.read_bytes()
        while hostile.handle(data, path.suffix)[0] == "accepted":
            data = mutate(data, path.suffix, rng)
        damaged = tmp_path / f"damaged{path.suffix}"
        damaged.write_bytes(data)
        command = ["profile", str(damaged)] if path.suffix == ".npub" else ["compile", str(damaged), "-o", str(tmp_path / "net.npub")]
        status = main(command)
        out, err = capsys.readouterr()
        # a program may be refused by what running finds, which a profile does not do
        if path.suffix == ".npub" and status == 0:
            continue
        assert status == 1 and out == ""
        assert err.startswith("npuc: error: [NPU") and "NPU900" not in err and "Traceback" not in err


def test_a_seed_damages_a_file_in_the_same_way_every_time(sound):
    for path in sound:
        data = path.read_bytes()
        one, again, other = (mutate(data, path.suffix, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert one == again != data and one != other


def test_half_of_the_damaged_programs_have_checksums_that_fit():
    data = GOLDEN[-1].read_bytes()
    sealed = 0
    for seed in range(200):
        damaged = mutate(data, ".npub", np.random.default_rng(seed))
        count = int.from_bytes(damaged[8:12], "little")
        end = 12 + 28 * count
        sealed += count <= 64 and end + 4 <= len(damaged) and zlib.crc32(damaged[:end]) == int.from_bytes(damaged[end : end + 4], "little")
    assert sealed >= 100
    assert Program.from_bytes(data).to_bytes()[:4] == b"NPUB"
