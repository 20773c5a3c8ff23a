# SPDX-License-Identifier: Apache-2.0
"""What the NPU refuses, or the user names, runs on the host wherever it stands: same bytes at every level, no races, in few segments."""

import json

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects, interpret
from npuc.compiler import encode, lower, schedule_content
from npuc.dialects.npu_cmd.ops.segment import SEGMENT
from npuc.errors import UnsupportedOp, UserInputError
from npuc.isa.program import HostSegment, NpuSegment, Program
from npuc.ops.base import TensorType
from npuc.passes.base import operations, target_of
from npuc.passes.npu_partition import NpuPartition, host_ops
from npuc.passes.pipeline import run_passes
from npuc.report.profile import profile
from npuc.report.table import render_fallbacks
from npuc.runtime import load
from npuc.targets import get
from npuc.validate import Validator, difference, random_inputs
from samples.networks import LOWERING, NAMED, TARGETS, Net, i8, random_network, set_target

IMAGE = i8(1, 8, 8, 8)


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def run_forced(module: ir.Module, target: str, force: str, sram_kib: int | None = None) -> Program:
    """The program of `module` with the ops called `force` on the host; every level computes what the whole module does."""
    set_target(module, target, sram_kib)
    inputs = random_inputs(module, 0)
    expected = interpret.run(module, inputs)
    for name in LOWERING:
        run_passes(module, [NpuPartition(force_host=force) if name == "npu-partition" else name], check_contracts=True)
        problem = difference(expected, interpret.run(module, inputs))
        assert not problem, f"after {name}: {problem}"
    program = Program.from_bytes(encode(module, target_of(module)).to_bytes())
    for engine in ("numpy", "native"):
        loaded = load(program, engine)
        found = loaded.run(*inputs)
        problem = difference(expected, list(found) if isinstance(found, tuple) else [found])
        assert not problem, f"simulated by {engine}: {problem}"
    loaded.check_hazards()
    return program


def kinds(program: Program) -> str:
    """The segments in order, a letter each: h(ost), n(pu)."""
    return "".join("n" if isinstance(segment, NpuSegment) else "h" for segment in program.segments)


def calls(program: Program) -> list[str]:
    return [call.op for segment in program.segments if isinstance(segment, HostSegment) for call in segment.calls]


# order ---------------------------------------------------------------------------------------------


def chain(*names: str) -> ir.Module:
    """Ops one after another: convolutions, and clamps; the layers are conv2d1, clamp2, ... by op and number."""
    net = Net(IMAGE)
    x = net.inputs[0]
    for name in names:
        x = net.conv(x, 8) if name == "conv2d" else net.op("clamp", x, lo=-100, hi=90)
    return net.returns(x)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("force", "order"),
    [("", "n"), ("conv2d1", "hn"), ("clamp2", "nhn"), ("conv2d5", "nh"), ("clamp", "nhnhn"), ("conv2d", "hnhnh"), ("clamp2,conv2d3,clamp4", "nhn")],
)
def test_a_chain_is_cut_where_the_device_changes(force, order, target):
    assert kinds(run_forced(chain("conv2d", "clamp", "conv2d", "clamp", "conv2d"), target, force)) == order


def test_two_branches_share_the_segments_that_their_order_allows():
    net = Net(IMAGE)
    x = net.inputs[0]
    left = net.conv(net.op("clamp", net.conv(x, 8), lo=-9, hi=90), 8)
    right = net.conv(net.op("clamp", net.conv(net.conv(x, 8), 8), lo=-9, hi=80), 8)
    module = net.returns(net.add(left, right))
    program = run_forced(module, "edge-256", "clamp")
    assert kinds(program) == "nhn"
    assert calls(program) == ["clamp", "clamp"]


def test_a_host_op_that_needs_no_segment_runs_first_and_one_that_none_needs_last():
    net = Net(IMAGE, IMAGE)
    a = net.conv(net.inputs[0], 8)
    b = net.op("clamp", net.inputs[1], lo=-5, hi=5)
    module = net.returns(net.conv(net.add(a, b), 8), net.op("clamp", a, lo=0, hi=7))
    assert kinds(run_forced(module, "edge-256", "clamp")) == "hnh"


def test_a_value_that_crosses_segments_lies_in_one_place_and_is_no_transfer():
    net = Net(IMAGE)
    skip = net.conv(net.inputs[0], 8)
    x = net.op("clamp", net.conv(skip, 8), lo=-50, hi=90)
    module = net.returns(net.add(net.conv(x, 8), skip), skip)
    program = run_forced(module, "edge-256", "clamp")
    assert kinds(program) == "nhn"
    (segment,) = [one for one in program.segments if isinstance(one, HostSegment)]
    (call,) = segment.calls
    found = profile(program)
    assert (found.host_transfers, found.host_transfer_bytes) == (2, 1024)
    assert len(call.inputs) == 1 and len({tensor.dram_offset for tensor in program.tensors}) == len(program.tensors)


def test_on_a_machine_with_flash_the_host_gives_and_takes_through_sram():
    net = Net(IMAGE)
    skip = net.conv(net.inputs[0], 8)
    x = net.op("clamp", net.conv(skip, 8), lo=-50, hi=90)
    module = net.returns(net.add(net.conv(x, 8), skip), skip)
    program = run_forced(module, "u55-256", "clamp")
    assert kinds(program) == "nhn"
    assert [len(one.inputs) for one in program.segments if isinstance(one, NpuSegment)] == [1, 2]
    assert (profile(program).host_transfers, profile(program).host_transfer_bytes) == (2, 1024)


def test_what_only_moves_data_between_two_host_ops_stays_on_the_host():
    net = Net(IMAGE)
    x = net.op("clamp", net.conv(net.inputs[0], 8), lo=-50, hi=90)
    x = net.op("transpose", x, perm=(0, 3, 1, 2))
    x = net.op("reshape", x, output=i8(1, 8, 64, 1))
    x = net.op("clamp", x, lo=-50, hi=80)
    module = net.returns(net.conv(net.op("reshape", x, output=IMAGE), 8))
    program = run_forced(module, "edge-256", "clamp")
    assert kinds(program) == "nhn"
    assert calls(program) == ["clamp", "transpose", "reshape", "clamp", "reshape"]
    assert "beside" in program.segments[1].calls[1].reason


def test_sram_is_used_anew_by_every_segment():
    force = "clamp2,clamp4"
    one = run_forced(chain("conv2d", "clamp", "conv2d", "clamp", "conv2d"), "edge-256", force, 16)
    assert kinds(one) == "nhnhn"
    assert one.sram_bytes <= 16 * 1024
    assert [part["peak_sram_bytes"] for part in one.certificates["placement"]["segments"]] == [one.sram_bytes] * 3


# what host ops read --------------------------------------------------------------------------------


@pytest.mark.parametrize("force", ["conv2d", "conv2d1", "conv2d2", "conv2d1,conv2d3"])
def test_host_ops_read_constants(force):
    run_forced(chain("conv2d", "conv2d", "conv2d"), "edge-256", force)


def test_a_constant_that_both_devices_read():
    net = Net(IMAGE)
    weights, bias = net.constant(np.full((8, 1, 1, 8), 3, np.int8)), net.constant(np.arange(8, dtype=np.int32))
    params = {"zp_x": 0, "rescale": net._rescale(8, 8)}
    x = net.inputs[0]
    for _ in range(3):
        x = net.op("conv2d", x, weights, bias, **params)
    assert kinds(run_forced(net.returns(x), "edge-256", "conv2d2")) == "nhn"


def test_a_program_all_on_the_host():
    program = run_forced(chain("conv2d", "clamp"), "edge-256", "conv2d,clamp")
    assert (kinds(program), program.command_count, profile(program).cycles) == ("h", 0, 0)


# every op, any network -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_op_of_a_network_on_the_host_alone(name):
    for turn, layer in enumerate(sorted(_layers(NAMED[name]()))[:6]):
        run_forced(NAMED[name](), TARGETS[turn % len(TARGETS)], layer)


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_with_random_ops_on_the_host(seed):
    rng = np.random.default_rng(seed)
    layers = sorted(_layers(random_network(seed)))
    for _ in range(2):
        chosen = rng.choice(layers, size=int(rng.integers(1, min(6, len(layers)) + 1)), replace=False)
        run_forced(random_network(seed), TARGETS[seed % len(TARGETS)], ",".join(chosen))


def _layers(module: ir.Module) -> set[str]:
    set_target(module, "edge-256")
    run_passes(module, ["canonicalize", "npu-partition"])
    names = {str(op.location).split('"')[1] for op in operations(module) if "npu.device" in op.attributes}
    return names


# refusals ------------------------------------------------------------------------------------------


def refused_in_the_middle() -> ir.Module:
    net = Net(IMAGE)
    x = net.op("reshape", net.conv(net.inputs[0], 8), output=i8(1, 2, 4, 8, 8))
    x = net.op("transpose", x, perm=(0, 2, 1, 4, 3))
    x = net.op("mul", x, x, zp_a=0, zp_b=0, rescale=net._rescale(50))
    return net.returns(net.conv(net.op("reshape", x, output=IMAGE), 8))


def test_an_op_that_the_npu_refuses_runs_in_the_middle_with_its_reason():
    program = run_forced(refused_in_the_middle(), "edge-256", "")
    assert kinds(program) == "nhn"
    reasons = {call.op: call.reason for call in program.segments[1].calls}
    assert reasons["mul"] == "an operand has at most four dimensions: found 5, wanted at most 4"


def test_without_fallback_it_is_refused_by_layer_rule_found_and_wanted():
    module = refused_in_the_middle()
    set_target(module, "edge-256")
    with pytest.raises(UnsupportedOp) as caught:
        run_passes(module, ["npu-partition{fallback=false}"])
    assert caught.value.layer == "mul4"
    assert (caught.value.found, caught.value.wanted) == ("5", "at most 4")
    assert "fallback" in str(caught.value)


def test_without_fallback_the_edges_may_still_be_on_the_host():
    net = Net(i8(8, 1, 6, 6))
    module = net.returns(net.op("argmax", net.op("clamp", net.inputs[0], lo=0, hi=9), axis=3, output=TensorType((8, 1, 6), "i32")))
    set_target(module, "edge-256")
    run_passes(module, ["npu-partition{fallback=false}"])
    assert [name for _, name, _ in host_ops(module)] == ["npu.argmax"]


def test_a_name_that_nothing_answers_to_is_refused_with_a_near_one():
    module = chain("conv2d", "clamp")
    set_target(module, "edge-256")
    with pytest.raises(UserInputError, match="conv2d1") as caught:
        run_passes(module, ["npu-partition{force-host=conv2d11}"])
    assert "conv2d11" in caught.value.message


def test_a_message_speaks_of_the_op_that_a_user_knows_and_not_of_what_a_lowering_puts_around_it():
    module = ir.Module.parse("""
        func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
          %0 = tensor.empty() : tensor<4xf32> loc("head")
          %1 = linalg.exp ins(%x : tensor<4xf32>) outs(%0 : tensor<4xf32>) -> tensor<4xf32> loc("head"("aten.sort.default"))
          return %1 : tensor<4xf32>
        }""")
    set_target(module, "edge-256")
    with pytest.raises(UnsupportedOp) as caught:
        run_passes(module, ["npu-partition"])
    assert caught.value.message == "'aten.sort.default' is no op of npuc: neither the NPU nor the host can run it"
    assert (caught.value.layer, caught.value.found) == ("head", "linalg.exp of math.exp: 4xf32, 4xf32 -> 4xf32")


# what it costs -------------------------------------------------------------------------------------


def test_the_table_names_layer_reason_and_bytes_and_leaves_out_the_conversions_at_the_edges():
    program = run_forced(chain("conv2d", "clamp", "conv2d"), "edge-256", "clamp2")
    found = profile(program)
    text = render_fallbacks(found)
    assert "clamp2" in text and "put on the host by name" in text
    assert "host: 1 op around 2 NPU segments, 2 transfers of 1.0 KiB in all; not in the cycles above" in text
    (op,) = found.to_dict()["host_ops"]
    assert (op["layer"], op["bytes_in"], op["bytes_out"], op["transfers"], op["transfer_bytes"], op["edge"]) == ("clamp2", 512, 512, 2, 1024, False)
    assert render_fallbacks(profile(run_forced(chain("conv2d"), "edge-256", ""))) == ""


def test_multiply_accumulates_on_the_host_count_as_the_networks_and_not_as_the_npus():
    found = profile(run_forced(chain("conv2d", "conv2d", "conv2d"), "edge-256", "conv2d2"))
    assert (found.macs, found.npu_macs) == (3 * 8**4, 2 * 8**4)


def test_the_hosts_time_is_told_after_a_run_and_apart_from_the_cycles():
    loaded = load(run_forced(chain("conv2d", "clamp", "conv2d"), "edge-256", "clamp2"))
    cycles = loaded.cycles
    assert loaded.host_seconds is None
    loaded.run(*(np.zeros(loaded.program.tensor(port.tensor_id).shape, np.int8) for port in loaded.program.inputs))
    assert loaded.host_seconds > 0
    assert loaded.cycles == cycles
    assert "ms on this computer" in str(profile(loaded.program, host_seconds=loaded.host_seconds))


# schedules, validation -----------------------------------------------------------------------------


def test_a_schedule_of_several_segments_replays_to_the_same_bytes(tmp_path):
    names = ("conv2d",) * 4
    target = get("pico-64")
    module = chain(*names)
    lower(module, target, force_host=("conv2d2",))
    content = schedule_content(module)
    assert len(content["segments"]) == 2
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps(content))
    again = chain(*names)
    lower(again, target, force_host=("conv2d2",), schedule=str(path))
    assert encode(again, target).to_bytes() == encode(module, target).to_bytes()
    with pytest.raises(UserInputError, match="2 NPU segments"):
        lower(chain(*names), target, schedule=str(path))


def test_validation_holds_over_several_segments():
    checker = Validator(seed=3)
    module = chain("conv2d", "conv2d", "conv2d")
    lower(module, get("edge-256"), force_host=("conv2d2",), validate=checker)
    assert [name.partition("{")[0] for name in checker.checked][-3:] == ["npu-tile", "npu-place-buffers", "convert-npu-to-npu-cmd"]
    assert len(operations(module, SEGMENT)) == 2


def test_the_figures_are_sums_over_the_segments():
    module = chain("conv2d", "conv2d", "conv2d")
    target = get("edge-256")
    lower(module, target, force_host=("conv2d2",))
    program = encode(module, target)
    found = profile(program)
    parts = schedule_content(module)["segments"]
    assert found.cycles == sum(part["estimate_cycles"] for part in parts) == program.metadata["estimate_cycles"]
    assert [layer.name for layer in found.layers] == ["conv2d1", "conv2d3"]
