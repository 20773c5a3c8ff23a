# SPDX-License-Identifier: Apache-2.0
"""Batches over processes, and `npuc evaluate`: what it counts, and what it says of data that does not fit."""

import json
import re

import numpy as np
import pytest

import npuc
from npuc import cli
from npuc.errors import InputMismatch, SimulationError, UserInputError
from npuc.report.evaluate import Evaluation, evaluate, load_data
from npuc.runtime import load
from npuc.runtime.workers import Workers
from samples import programs

# three images make a compiled batch
PROGRAM = programs.program(3)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.standard_normal((12, 4, 8, 8)).astype(np.float32)


def truth():
    """Outputs and classes of the images, by the numpy engine, a batch at a time."""
    loaded = load(PROGRAM, "numpy")
    outputs = np.concatenate([loaded.run(IMAGES[at : at + 3]) for at in range(0, 12, 3)])
    return outputs, outputs.reshape(12, -1).argmax(axis=1)


OUTPUTS, CLASSES = truth()


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_a_batch_over_processes_gives_the_same_values_in_the_same_order(workers, capfd):
    np.testing.assert_array_equal(load(PROGRAM).run(IMAGES, workers=workers), OUTPUTS)
    assert capfd.readouterr() == ("", "")


def test_parts_cover_the_batch_once():
    parts = dict(load(PROGRAM).run_parts((IMAGES,)))
    np.testing.assert_array_equal(np.concatenate([parts[number][0] for number in sorted(parts)]), OUTPUTS)


def test_a_worker_that_cannot_run_its_part_says_why():
    with (
        Workers(PROGRAM.to_bytes(), "auto", 1) as workers,
        pytest.raises(SimulationError, match="could not run its part.*\n.*another element type"),
    ):
        list(workers.map([(IMAGES[:3].astype(np.float64),)]))


def test_a_worker_that_ends_is_an_error_not_a_hang():
    with Workers(b"no program", "auto", 1) as workers, pytest.raises(SimulationError, match="worker process"):
        list(workers.map([(IMAGES[:3],)]))


def test_a_batch_that_does_not_fit_is_refused_before_a_process_starts():
    with pytest.raises(InputMismatch, match="another shape"):
        load(PROGRAM).run(IMAGES[:4], workers=2)


def test_top_1_counts_right_classes():
    labels = CLASSES.copy()
    labels[:3] += 1
    seen = []
    found = evaluate(load(PROGRAM), IMAGES, labels, progress=lambda stage, done, total: seen.append((done, total)))
    assert (found.correct, found.images, found.top1) == (9, 12, 0.75)
    assert seen[-1] == (12, 12)
    assert found.images_per_second == pytest.approx(12 / found.seconds)
    np.testing.assert_array_equal(found.predictions, CLASSES)


@pytest.mark.parametrize("labels", [np.zeros(11, np.int64), np.zeros(12, np.float32), np.zeros((12, 2), np.int64)])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(UserInputError, match="labels do not fit"):
        evaluate(load(PROGRAM), IMAGES, labels)


@pytest.fixture
def files(tmp_path):
    """A program and its data on disk."""
    PROGRAM.save(tmp_path / "net.npub")
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=CLASSES[:, None])
    return tmp_path


def test_the_command_prints_top_1_and_speed(files, capsys):
    assert cli.main(["evaluate", str(files / "net.npub"), "--data", str(files / "data.npz"), "--workers", "2"]) == 0
    out = capsys.readouterr().out
    assert "top-1       100.00%  (12 of 12)" in out
    assert re.search(r"images/s  \([0-9.]+ s, 2 processes\)", out)
    assert cli.main(["evaluate", str(files / "net.npub"), "--data", str(files / "data.npz"), "--json", "--limit", "6"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["images"], values["correct"], values["against"]) == (6, 6, None)


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"images": IMAGES}, "does not hold what an evaluation needs"),
        ({"features": IMAGES.astype(np.float64), "labels": CLASSES}, "another element type"),
        ({"x": IMAGES[:5], "y": CLASSES[:5]}, "another shape"),
    ],
)
def test_data_that_does_not_fit_is_an_error_with_status_1(files, capsys, arrays, text):
    np.savez(files / "other.npz", **arrays)
    assert cli.main(["evaluate", str(files / "net.npub"), "--data", str(files / "other.npz")]) == 1
    assert text in capsys.readouterr().err


def test_damaged_data_is_refused(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(UserInputError, match="cannot be read"):
        load_data(tmp_path / "bad.npz")


def test_agreement_and_flips_against_litert(shared):
    """The program of a keyword spotter beside the file it came from: bit-exact, so nothing flips."""
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("tflite")
    model = shared / "models/tflite/mlperf_kws_dscnn_int8.tflite"
    features, labels = load_data(shared / "data/kws01.npz")
    found = evaluate(load(npuc.compile(str(model)).program), features[:200], labels[:200], against=model)
    assert found.against is not None
    assert (found.against.agreement, found.against.identical) == (1.0, 1.0)
    assert found.against.top1 == found.top1 > 0.85
    assert "flips       0 right to wrong" in str(found)


def test_litert_that_cannot_run_a_file_is_an_error(tmp_path):
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "net.tflite").write_bytes(b"nothing")
    with pytest.raises(UserInputError, match=r"LiteRT cannot run 'net\.tflite'"):
        evaluate(load(PROGRAM), IMAGES, CLASSES, against=tmp_path / "net.tflite")


def test_a_comparison_tells_the_flips_apart():
    from npuc.report.evaluate import _compare

    labels = np.array([0, 1, 2, 3])
    theirs, ours = np.eye(5, dtype=np.int8)[[0, 0, 2, 1]], np.eye(5, dtype=np.int8)[[1, 1, 2, 2]]
    found = _compare("other", theirs, ours, labels)
    assert (found.right_to_wrong, found.wrong_to_right, found.wrong_to_wrong) == (1, 1, 1)
    assert (found.agreement, found.identical, found.top1) == (0.25, 0.25, 0.5)
    assert "right to wrong" in str(Evaluation(4, 2, 1.0, 1, np.zeros(4), found))
