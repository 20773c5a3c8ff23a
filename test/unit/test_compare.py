# SPDX-License-Identifier: Apache-2.0
"""The comparison with Vela: which mode is the baseline, when a ratio may be claimed, what the tables say. No Vela is run here."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from npuc import cli
from npuc.errors import UserInputError
from npuc.report import compare, vela

TABLE = Path(__file__).resolve().parents[2] / "bench" / "vela_layers.csv"
LAYERS = tuple(layer for layer in vela.read_csv(TABLE.read_text()) if layer.preset == "u65-512-dram")[:20]


def outcome(mode, cycles, peak_kib, layers=LAYERS, cpu_ops=("ArgMax",)):
    return vela.Outcome(mode, cycles, 1_000_000, peak_kib * 1024, 5000, 100, 20, cpu_ops, 0.2, 50_000_000, layers)


@pytest.fixture
def runs(monkeypatch):
    """Vela takes 2000 cycles by default, 1000 in its best mode within 384 KiB, 500 with more; npuc takes 800."""
    ours = compare.Side("npuc", 800, 0.4, 4000, 100, 300 * 1024, 1.6, 0.5, 120_000_000, ("argmax",))
    state = {"layers": LAYERS, "ours": ours, "tried": []}

    def compiled(program, model, preset, mode):
        state["tried"].append(mode)
        if mode.arena_bytes is None:
            return outcome(mode, 2000, 100, state["layers"])
        if mode.optimise == "Size":
            return outcome(mode, 1000, 200, state["layers"])
        return outcome(mode, 500, 500, state["layers"])

    monkeypatch.setattr(vela, "compiled", compiled)
    monkeypatch.setattr(vela, "find", lambda path: "vela")
    monkeypatch.setattr(vela, "network_bytes", lambda path: (0, 0))
    monkeypatch.setattr(compare, "_ours", lambda model, preset, size: (state["ours"], 500))
    return state


def test_the_baseline_is_velas_best_mode_within_the_sram(runs):
    found = compare.compare(Path("net.tflite"), "u65-512-dram")
    assert (found.theirs.cycles, found.sram_bytes, len(found.modes)) == (1000, 384 * 1024, 9)
    assert (found.ratio, found.verdict) == (0.8, "won")
    assert found.theirs.bound_ratio == 2.0


def test_where_vela_finds_the_inputs_in_sram_their_passage_is_added(runs):
    """The figures of ../shared/baselines/vela.csv for visual wake words: 79,426 cycles become 87,299."""
    modes = [vela.Mode("Dedicated_Sram_384KB"), vela.Mode("Shared_Sram", arena_bytes=1 << 18)]
    stored = [outcome(modes[0], 200_131, 100), outcome(modes[1], 79_426, 100)]
    _, best = compare.baseline("u65-512-dram", stored, None, (27_648, 2))
    assert best.cycles == pytest.approx(87_299, abs=1)
    assert (best.off_chip_read_bytes, best.off_chip_write_bytes) == (5000 + 27_648, 102)
    # what Vela keeps off-chip is counted already, and on flash the inputs lie in SRAM for both
    assert compare.baseline("u65-512-dram", stored[:1], None, (27_648, 2))[1].cycles == 200_131
    assert compare.baseline("u65-512-flash", stored[1:], None, (27_648, 2))[1].cycles == 79_426


def test_on_flash_the_sram_is_what_velas_default_uses(runs):
    assert compare.compare(Path("net.tflite"), "u55-256").sram_bytes == 100 * 1024
    assert {mode.arena_bytes for mode in runs["tried"]} == {None, 100 * 1024}


def test_nothing_is_claimed_where_a_layer_is_charged_less_than_vela_reports(runs):
    runs["layers"] = (replace(LAYERS[0], cycles=10**9), *LAYERS[1:])
    found = compare.compare(Path("net.tflite"), "u65-512-dram")
    assert found.ratio is None
    assert found.verdict.startswith("nothing is claimed")
    assert not found.calibrated


def test_an_op_on_the_host_that_vela_runs_on_the_npu_is_a_loss(runs):
    runs["ours"] = replace(runs["ours"], host_ops=("argmax", "rescale"))
    found = compare.compare(Path("net.tflite"), "u65-512-dram")
    assert (found.ratio, found.verdict) == (None, "lost: the host runs quantize, which Vela does not leave to it")


def test_a_network_that_does_not_compile_is_a_loss(runs):
    runs["ours"] = compare.Side("npuc", error="npuc: error: [NPU400] it does not fit")
    found = compare.compare(Path("net.tflite"), "u65-512-dram")
    assert (found.ratio, found.verdict) == (None, "lost: npuc does not compile it")
    assert "does not fit" in compare.render([found])


def test_tables_hold_both_sides_and_the_mean_of_what_is_claimed(runs):
    won = compare.compare(Path("net.tflite"), "u65-512-dram")
    runs["ours"] = replace(runs["ours"], cycles=1250)
    lost = compare.compare(Path("other.tflite"), "u65-512-dram")
    text = compare.render([won, lost])
    assert "won: 0.800 of Vela's cycles" in text
    assert "lost: 1.250 of Vela's cycles" in text
    assert text.endswith("geometric mean of 2 of 2 networks: 1.000; worst 1.250 (other)")
    stored = json.loads(compare.to_json([won, lost]))
    assert [one["ratio"] for one in stored] == [0.8, 1.25]
    assert {"cycles", "mac_utilisation", "off_chip_read_bytes", "peak_sram_bytes", "bound_ratio", "seconds", "memory_bytes"} <= stored[0][
        "theirs"
    ].keys()
    assert {row["op"] for row in stored[0]["calibration"]} <= {layer.op for layer in LAYERS}


def test_the_picture_has_both_sides_of_every_network(runs):
    won = compare.compare(Path("a&b.tflite"), "u65-512-dram")
    runs["ours"] = compare.Side("npuc", error="refused")
    picture = ElementTree.fromstring(compare.to_svg([won, compare.compare(Path("refused.tflite"), "u65-512-dram")]))
    texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    # twice and 1.6 times the bound; what did not compile has no bars
    assert {"a&b", "2.00", "1.60", "0.80"} <= set(texts) and "refused" not in texts
    bars = [float(one.get("width")) for one in picture.iter("{http://www.w3.org/2000/svg}rect") if one.get("height") == "12" and one.get("y") != "34"]
    assert bars[1] / bars[0] == pytest.approx(math.log(1.6) / math.log(2.0), abs=0.01)


def test_what_vela_reported_goes_into_a_table_and_back():
    one, other = outcome(vela.Mode("Shared_Sram"), 2000, 100, ()), outcome(vela.Mode("Shared_Sram", "Size", False, 4096), 1000, 200, (), ())
    stored = vela.write_outcomes([("u55-256", "net", one), ("u55-256", "net", other)])
    assert vela.read_outcomes("# a line\n" + stored) == {("u55-256", "net"): [one, other]}


def test_time_and_memory_are_those_of_the_command_alone():
    held = bytearray(300_000_000)
    code, text, seconds, memory = vela.measured([sys.executable, "-c", "import time; time.sleep(0.2); print('said'); raise SystemExit(3)"])
    assert (code, text.strip()) == (3, "said")
    assert 0.2 < seconds < 5
    assert memory < len(held) // 2


def test_machines_that_vela_does_not_know_are_refused():
    with pytest.raises(UserInputError, match="a machine that Vela knows"):
        compare.compare(Path("net.tflite"), "edge-256")


def test_without_vela_the_command_says_how_to_get_it(tmp_path, capsys):
    model = tmp_path / "net.tflite"
    model.write_bytes(b"")
    assert cli.main(["compare", str(model), "--vela", str(tmp_path / "nothing")]) == 1
    assert "pip install ethos-u-vela==5.2.0" in capsys.readouterr().err
