# SPDX-License-Identifier: Apache-2.0
"""Random networks: the same ones for a seed, every op among them, all right; and a wrong rewrite is found, made small, and replayed.

The long search is `make fuzz`.
"""

import json
import secrets
import shlex
from pathlib import Path

import numpy as np
import pytest
from torch_mlir import ir

from npuc import cli, dialects, opt
from npuc.fuzz import cases, search, tosa
from npuc.fuzz.net import Net
from npuc.fuzz.npu import random_network
from npuc.fuzz.ops import draws
from npuc.fuzz.processes import Child, Limits
from npuc.fuzz.report import Report
from npuc.fuzz.shrink import shrink
from npuc.ops import all_ops
from npuc.ops.base import TensorType
from npuc.passes._rewrites import Rewrite
from samples import networks, planted

GRAPHS = 12
TEST_FOLDER = Path(__file__).resolve().parents[1]


@pytest.fixture
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def quiet(report, found):
    assert found is None or found in report.failures


def computing(text):
    """Ops but for constants."""
    return text.count('"npu.') - text.count('"npu.constant"')


def test_a_short_search_with_a_random_seed_finds_nothing(tmp_path):
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}")
    report = search.search(range(GRAPHS), seconds=None, seed=seed, workers=1, folder=tmp_path, told=quiet)
    assert not report.failures, "\n".join(map(str, report.failures))
    assert report.exact + sum(report.refused.values()) + sum(report.skipped.values()) == GRAPHS
    assert report.exact >= GRAPHS / 2


def test_every_op_can_be_drawn():
    assert list(draws()) == sorted(all_ops())


def test_values_without_dimensions_are_read_or_left(context):
    drawn = set()
    for name, draw in draws().items():
        for seed in range(20):
            net = Net(np.random.default_rng(seed))
            for dtype in ("i8", "i16", "i32", "f32", "i1"):
                net.argument(TensorType((), dtype))
            try:
                draw(net)
            except ValueError:
                continue
            drawn.add(name)
    assert {"add", "cast", "float_unary", "reshape", "select"} < drawn


@pytest.mark.parametrize("index", [1, 5])
def test_a_seed_and_a_number_name_one_module(index, context):
    one, again, other = cases.module(3, index), cases.module(3, index), cases.module(4, index)
    assert one == again
    assert one.text != other.text


def test_a_resize_that_leaves_nothing_is_drawn_anew(context):
    net = tosa.TosaNet(np.random.default_rng(1))
    net.argument(TensorType((1, 1, 1, 1), "i8"))
    left = 0
    for _ in range(200):
        try:
            tosa.resize(net)
        except ValueError:
            left += 1
    assert 0 < left < 200 and net.returns().operation.verify()


def test_half_of_the_networks_have_eight_ops_or_more(context):
    sizes = []
    for seed in range(40):
        module = random_network(np.random.default_rng(seed))
        assert module.operation.verify()
        body = module.body.operations[0].regions[0].blocks[0]
        sizes.append(sum(op.operation.name.startswith("npu.") and op.operation.name != "npu.constant" for op in body.operations))
    assert np.median(sizes) >= 8


def test_time_ends_a_search_and_does_not_choose_its_networks(tmp_path):
    assert search.search(None, seconds=0, seed=1, workers=1, folder=tmp_path, told=quiet).graphs == 0


def test_an_interrupt_ends_a_search_and_keeps_what_it_found(tmp_path):
    def told(report, found):
        if report.graphs == 2:
            raise KeyboardInterrupt

    report = search.search(None, seconds=None, seed=1, workers=1, folder=tmp_path, told=told)
    assert report.graphs == len(report.sizes) == 2


# a wrong rewrite ---------------------------------------------------------------------------------------


def test_a_wrong_rewrite_is_found_made_small_and_replayed(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as here:
        planted.plant(here.setattr)
        numbers = (index for index in range(200) if cases.kind_of(index) == "npu")
        number = next(index for index in numbers if cases.answer({"seed": 7, "index": index})["failure"])
    with dialects.new_context(), ir.Location.unknown():
        whole = cases.module(7, number).text
    monkeypatch.setenv("PYTHONPATH", str(TEST_FOLDER))
    monkeypatch.setattr(search, "ANSWER", "samples.planted:planted_answer")
    status = cli.main(["fuzz", "--seed", "7", "--only", str(number), "--output-dir", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == 1
    failure = found["failures"][0]
    assert "npu-fuse-activations" in failure["kind"]
    text = Path(failure["module"]).read_text()
    # a producer and its clamp, and what may have to stand between them until they meet
    assert 2 <= computing(text) < computing(whole)
    arguments = shlex.split(failure["replay"])
    assert arguments[0] == "npu-opt" and failure["module"] in arguments and failure["inputs"] in arguments
    assert opt.main(arguments[1:]) == 0
    planted.plant(monkeypatch.setattr)
    assert opt.main(arguments[1:]) == 1
    assert "pass 'npu-fuse-activations' changed what the module computes" in capsys.readouterr().err


def test_a_module_shrinks_to_what_makes_it_fail(context):
    text = networks.residuals().operation.get_asm(enable_debug_info=True)
    small = shrink(text, lambda candidate: '"npu.conv2d"' in candidate)
    assert small.count('"npu.') == 3  # with its weights and its bias
    module = ir.Module.parse(small)
    arguments = module.body.operations[0].regions[0].blocks[0].arguments
    assert [list(argument.type.shape) for argument in arguments] == [[1, 1, 1, 1]]


# children ----------------------------------------------------------------------------------------------


def test_a_case_that_ends_its_process_costs_that_case_alone(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TEST_FOLDER))
    with Child("samples.deaths:answer", Limits(seconds=5)) as child:
        assert child.ask({"how": "well"}) == {"said": "well"}
        assert child.ask({"how": "abort"}) == {"died": "signal SIGABRT"}
        assert child.ask({"how": "sleep"}) == {"died": "no answer in 5 s"}
        assert child.ask({"how": "well"}) == {"said": "well"}


# figures -----------------------------------------------------------------------------------------------


def test_a_report_counts_and_names_what_had_no_turn():
    report = Report(seed=1)
    seen = {"npu": {"add": 2}, "host": {"cast": 1}, "structure": {}, "instructions": {"Dma": 3}, "passes": {"npu-tile": 1}}
    report.add({"refused": "", "failure": None, "seen": seen, "rewrites": [["npu-fuse-pads", "fuse_pad", "npu.pad", 0]]})
    report.add({"refused": "does not fit", "failure": None, "seen": seen, "rewrites": []})
    report.add({"skipped": "torch"})
    assert (report.graphs, report.exact, dict(report.refused), report.median_ops) == (2, 1, {"does not fit": 1}, 3)
    assert report.rewrites == {Rewrite("npu-fuse-pads", "fuse_pad", "npu.pad"): 0}
    assert {"op sub", "npu-fuse-pads fuse_pad npu.pad"} <= set(report.gaps())
    assert "op add" not in report.gaps()
    table = report.table(width=100)
    assert "fuse_pad at npu.pad" in table and "conv2d" in table and max(map(len, table.splitlines())) <= 100
    assert "torch is not installed" in report.headline()
