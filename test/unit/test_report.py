# SPDX-License-Identifier: Apache-2.0
"""The profile says what a hand-made program costs, and prints it well."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import pytest

from npuc import targets
from npuc.errors import UserInputError
from npuc.isa.base import Command, Operand, Space
from npuc.isa.conv2d import Conv2d
from npuc.isa.dma import Dma
from npuc.isa.program import HostCall, HostSegment, Layer, NpuSegment, Port, Program, Tensor
from npuc.isa.sync import Signal, Wait
from npuc.report.describe import instructions, op_text, ops, target_rows
from npuc.report.listing import listing
from npuc.report.profile import Profile, profile
from npuc.report.table import clip, kib
from npuc.timing.engine import simulate

TARGET = targets.get("edge-256")
IMAGE, WEIGHTS, RECORDS = (1, 8, 8, 8), (16, 1, 1, 8), (1, 1, 16, 10)
RESULT = (1, 8, 8, 16)
PARAMS = 160 + 128
INPUT_AT, OUTPUT_AT = 512, 1024


def moved(source: Operand, destination: Operand, layer: str) -> Command:
    return Command(Dma(src=source, dst=destination), "dma0", layer)


def program() -> Program:
    """quantize on the host, then a 1x1 convolution of 8 x 8 x 8 -> 8 x 8 x 16: parameters and image in, result out."""
    dram, sram = Space.DRAM, Space.SRAM
    convolution = Conv2d(
        ifm=Operand.dense(sram, 512, IMAGE), scales=Operand.dense(sram, 0, RECORDS), weights=Operand.dense(sram, 160, WEIGHTS),
        ofm=Operand.dense(sram, 1024, RESULT), zp_out=0,
    ).blocked(TARGET)  # fmt: skip
    commands = (
        moved(Operand.dense(dram, 0, (1, 1, 1, PARAMS)), Operand.dense(sram, 0, (1, 1, 1, PARAMS)), "conv"),
        moved(Operand.dense(dram, INPUT_AT, IMAGE), Operand.dense(sram, 512, IMAGE), "conv"),
        Command(Signal(semaphore=2), "dma0", "conv"),
        Command(Wait(semaphore=2, value=1), "mac", "conv"),
        Command(convolution, "mac", "conv"),
        Command(Signal(semaphore=0), "mac", "conv"),
        Command(Wait(semaphore=0, value=1), "dma0", "conv"),
        moved(Operand.dense(sram, 1024, RESULT), Operand.dense(dram, OUTPUT_AT, RESULT), "conv"),
    )
    return Program(
        target=TARGET, inputs=(Port("x", 0),), outputs=(Port("y", 2),),
        tensors=(Tensor(0, "x", "f32", IMAGE), Tensor(1, "q", "i8", IMAGE, INPUT_AT), Tensor(2, "y", "i8", RESULT, OUTPUT_AT)),
        segments=(
            HostSegment((HostCall("quantize", {"scale": 0.5, "zp": 0, "lo": -128, "hi": 127}, (0,), 1, "input", "quantize runs on the host"),)),
            NpuSegment(commands),
        ),
        constants=bytes(PARAMS), dram_bytes=2048, sram_bytes=2048, layers=(Layer("conv", "conv2d", 8192, 64), Layer("input", "quantize", 0, 0, "host")),
        metadata={"name": "tiny"},
    )  # fmt: skip


def test_the_figures_of_a_hand_made_program_are_those_of_the_clock():
    made = program()
    line = simulate(made.segments[1].commands, TARGET)
    found = profile(made)
    convolution = 4
    busy = line.end_cycles[convolution] - line.start_cycles[convolution]
    assert (found.cycles, found.macs, found.npu_macs) == (line.total_cycles, 8192, 8192)
    assert found.mac_utilisation == pytest.approx(8192 / (line.total_cycles * 256))
    assert (found.peak_sram_bytes, found.sram_bytes) == (2048, 512 * 1024)
    # 288 and 512 bytes come in, 1024 go out; a burst is 64 bytes
    assert (found.off_chip_read_bytes, found.off_chip_write_bytes) == (320 + 512, 1024)
    assert (found.commands, found.semaphore_commands, found.semaphores) == (8, 4, 2)
    assert found.queue_cycles["mac"] == busy
    assert found.milliseconds == pytest.approx(line.total_cycles / 500e6 * 1e3)
    assert found.inferences_per_second == pytest.approx(500e6 / line.total_cycles)
    (layer,) = found.layers
    assert (layer.name, layer.op, layer.macs, layer.commands) == ("conv", "conv2d", 8192, 4)
    assert (layer.start_cycle, layer.end_cycle, layer.busy_cycles) == (0, line.total_cycles, busy)
    assert (layer.array_bound_cycles, layer.share) == (64, busy / line.total_cycles)
    assert layer.utilisation == pytest.approx(8192 / (busy * 256))
    (host,) = found.host_ops
    assert (host.op, host.layer, host.reason, host.bytes_in, host.bytes_out) == ("quantize", "input", "quantize runs on the host", 2048, 512)


def test_what_the_layers_move_is_what_passes_the_port():
    made = program()
    line = simulate(made.segments[1].commands, TARGET)
    found = profile(made, [line])
    assert found.off_chip_read_bytes + found.off_chip_write_bytes == line.port_bytes[Space.DRAM]
    assert found.queue_cycles == line.queue_busy_cycles


def test_the_bound_is_the_planners_where_it_left_one_and_else_what_must_pass_the_port():
    made = program()
    # 288 constant, 512 in and 1024 out at 8 bytes a cycle, above the array's 64
    assert profile(made).network_bound_cycles == (288 + 512 + 1024) // 8
    assert profile(replace(made, certificates={"network_bound_cycles": 300})).network_bound_cycles == 300
    # a file may say anything
    assert profile(replace(made, certificates={"network_bound_cycles": "soon"})).network_bound_cycles == 228
    # nothing passes the port where the host hands everything over in SRAM, and where there is no NPU segment
    assert profile(replace(made, certificates={"compulsory_bytes": 0})).network_bound_cycles == 64
    alone = replace(made, segments=tuple(segment for segment in made.segments if not isinstance(segment, NpuSegment)), layers=())
    assert profile(alone).network_bound_cycles == profile(alone).compulsory_bytes == 0


def test_ops_of_one_layer_share_a_row_and_commands_without_a_layer_have_their_own():
    made = program()
    commands = made.segments[1].commands
    stray = (*commands[:-1], replace(commands[-1], location=""))
    made = replace(made, segments=(NpuSegment(stray),), layers=(Layer("conv", "conv2d", 8192, 64), Layer("conv", "add", 0, 4)))
    first, second = profile(made).layers
    assert (first.name, first.op, first.array_bound_cycles) == ("conv", "conv2d+add", 68)
    assert (second.name, second.op, second.commands, second.off_chip_write_bytes) == ("(no layer)", "", 1, 1024)


def test_the_plain_values_go_through_json_and_hold_what_scripts_rely_on():
    values = profile(program()).to_dict()
    assert json.loads(json.dumps(values)) == values
    wanted = "cycles macs npu_macs mac_utilisation peak_sram_bytes off_chip_read_bytes off_chip_write_bytes network_bound_cycles host_ops layers"
    assert set(wanted.split()) <= values.keys()
    assert values["host_ops"][0]["reason"] == "quantize runs on the host"
    assert values["layers"][0]["name"] == "conv"


def test_timelines_that_are_not_the_programs_are_refused():
    with pytest.raises(UserInputError, match="found: 0\n  wanted: 1"):
        profile(program(), [])


def test_a_program_that_the_npu_has_no_part_in_still_has_a_profile():
    made = replace(program(), segments=program().segments[:1], layers=())
    found = profile(made)
    assert (found.cycles, found.mac_utilisation, found.inferences_per_second, found.layers) == (0, 0.0, 0.0, ())
    assert "nothing runs on the NPU" in str(found)


def many_layers(count: int) -> Profile:
    found = profile(program())
    layer = found.layers[0]
    name = "features.{}.conv.0.a_rather_long_name_of_a_layer"
    return replace(found, layers=tuple(replace(layer, name=name.format(i), op="depthwise_conv2d", busy_cycles=100 + i) for i in range(count)))


@pytest.mark.parametrize("width", [80, 100, 110, 120])
def test_the_table_keeps_to_its_width_and_shows_every_figure_whole(width):
    text = many_layers(100).table(width=width)
    assert max(map(len, text.splitlines())) <= width
    header = next(line for line in text.splitlines() if line.startswith("layer"))
    assert "cycles" in header and "share" in header and "util" in header
    # only names are cut, on the left
    assert all("…" not in line[5:] for line in text.splitlines() if "name_of_a_layer" in line)


def test_the_busiest_layers_stand_alone_in_the_models_order_and_the_rest_in_one_row():
    lines = many_layers(100).table(width=120, layers=10).splitlines()
    shown = [line for line in lines if "name_of_a_layer" in line]
    assert len(shown) == 10 and [line.split()[4] for line in shown] == [str(100 + i) for i in range(90, 100)]
    assert any(line.startswith("and 90 more") for line in lines)
    assert any(line.startswith("total") for line in lines)
    assert len([line for line in many_layers(100).table(layers=None).splitlines() if "name_of_a_layer" in line]) == 100


def test_the_headline_and_the_host_ops_are_in_the_text():
    text = str(profile(program()))
    assert text.startswith("tiny on edge-256: ")
    assert "x the network bound of 228" in text
    assert "quantize runs on the host" in text


def test_names_from_a_foreign_file_cannot_steer_the_terminal():
    made = program()
    commands = tuple(replace(command, location="\x1b[2Jgone\n") for command in made.segments[1].commands)
    made = replace(made, segments=(NpuSegment(commands),), layers=(), metadata={"name": "\x1b]0;title\a"})
    assert "\x1b" not in str(profile(made))
    assert "\x1b" not in "\n".join(listing(made))
    assert clip("a\tb", 9) == "a?b"


def test_sizes_are_readable():
    assert [kib(0), kib(1536), kib(102400), kib(5 << 20)] == ["0.0", "1.5", "100", "5,120"]


def test_the_listing_names_ports_and_prints_every_command():
    lines = list(listing(program()))
    assert lines[0].startswith("; edge-256, 2048 of 524288 bytes of SRAM")
    assert "; input x %0:1x8x8x8xf32" in lines
    assert "; output y %2:1x8x8x16xi8 at dram[0x400]" in lines
    assert len([line for line in lines if line.endswith("; conv")]) == 8
    assert any(line.startswith("host    quantize") for line in lines)


def test_every_op_says_what_it_is_and_what_a_machine_may_refuse():
    found = {one.name: one for one in ops()}
    assert [one.name for one in found.values() if not one.doc] == []
    assert [name for one in found.values() for name, _, _, doc in one.params if not doc] == []
    # a view and an op of the host alone have no machine to ask
    assert [one.name for one in found.values() if one.where == "npu" and not one.limits] == []
    conv2d = found["conv2d"]
    assert conv2d.operands == ("input", "weights", "bias")
    assert any("accumulator" in rule for rule in conv2d.limits)
    assert any(rule.endswith("at most 255") or "8-bit" in rule for rule in conv2d.limits)
    assert op_text(conv2d).startswith("conv2d(input, weights, bias)\n")


def test_every_instruction_field_has_a_meaning():
    found = instructions()
    assert {one.mnemonic for one in found} >= {"conv2d", "dma", "wait", "signal"}
    assert [(one.mnemonic, name) for one in found for name, _, doc in one.fields if not doc] == []


@pytest.mark.parametrize("name", targets.names())
def test_every_machine_is_described(name):
    rows = dict(target_rows(targets.get(name)))
    assert rows["MAC/cycle"].startswith(str(targets.get(name).array.macs_per_cycle))
    assert all(rows.values())


def test_a_rate_below_one_is_shown_as_it_is():
    machine = replace(TARGET, dram=replace(TARGET.dram, bytes_per_cycle=Fraction(15, 4)))
    assert dict(target_rows(machine))["off-chip"].startswith("3.75 bytes/cycle")


def test_profiling_a_program_imports_neither_mlir_nor_torch(tmp_path):
    path = tmp_path / "tiny.npub"
    program().save(path)
    code = f"""
import sys
from npuc.isa.program import Program
from npuc.report.profile import profile
str(profile(Program.from_bytes(open({str(path)!r}, "rb").read())))
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"torch", "torch_mlir", "torchao"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("bound", "said"),
    [(2048, "2.0 of 512 KiB (placed optimally)"), (1024, "2.0 of 512 KiB (bound 1.0, gap 100.0 %)"),
     *((bound, "2.0 of 512 KiB, off-chip") for bound in (4096, -1, "x", True, None))],
)  # fmt: skip
def test_a_profile_says_how_near_the_placement_is_to_its_bound(bound, said):
    placed = replace(program(), certificates={"placement": {"bound_sram_bytes": bound}})
    assert said in " ".join(str(profile(placed)).split())
