# SPDX-License-Identifier: Apache-2.0
"""A defect planted inside a stage is found where it stands: validation names pass, layer and op, and its reproducer replays."""

import json
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects, opt, targets
from npuc.compiler import encode, lower
from npuc.dialects.attrs import to_attr
from npuc.errors import HazardError, InternalError, ValidationError
from npuc.isa.conv2d import Conv2d
from npuc.isa.depthwise_conv2d import DepthwiseConv2d
from npuc.isa.program import Program
from npuc.isa.sync import Signal, Wait
from npuc.numerics.rescale import Rescale
from npuc.ops.base import TensorType
from npuc.passes import convert_npu_to_npu_cmd, npu_fuse_activations
from npuc.passes.base import operations, target_of
from npuc.passes.npu_fuse_pads import NpuFusePads
from npuc.passes.npu_partition import NpuPartition
from npuc.passes.npu_place_buffers import NpuPlaceBuffers
from npuc.passes.npu_schedule import NpuSchedule
from npuc.passes.npu_tile import _Tiler
from npuc.passes.pipeline import DEFAULT, run_passes
from npuc.plan import place
from npuc.plan.schedule import GroupPlan, Schedule
from npuc.runtime import load
from npuc.validate import Validator
from samples.networks import Net, i8

# three ops in stripes of four rows, whatever the search would choose
SCHEDULE = Schedule((GroupPlan((0, 1, 2), 4, (1, 1, 1), (False, False, False)),))


@pytest.fixture
def pipeline(tmp_path) -> list[str]:
    (tmp_path / "schedule.json").write_text(json.dumps(SCHEDULE.to_dict()))
    scheduled = f"npu-schedule{{file={tmp_path / 'schedule.json'}}}"
    passes = (scheduled if name == "npu-schedule" else name for name in DEFAULT[DEFAULT.index("npu-fold-constants") :])
    return ["npu-set-target{name=edge-256}", *passes]


def network() -> ir.Module:
    """Three convolutions in stripes, a pad and a clamp between them for the graph passes."""
    net = Net(i8(1, 16, 12, 8), seed=3)
    x = net.conv(net.inputs[0], 8, kernel=3, pad=1)
    x = net.op("clamp", net.conv(x, 16, kernel=3, pad=1), lo=-90, hi=80)
    zp = 4
    x = net.op("pad", x, pads=(0, 0, 1, 1, 1, 1, 0, 0), value=zp)
    weights = net._int8(8, 3, 3, 16)
    return net.returns(net.op("conv2d", x, weights, net._bias(8, 144), zp_x=zp, rescale=net._rescale(144, 8)))


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def behind(pass_class: type, monkeypatch: pytest.MonkeyPatch, change) -> None:
    """`change(module)` becomes the last thing that a pass does."""
    right = pass_class.run

    def wrong(self, module):
        right(self, module)
        change(module)

    monkeypatch.setattr(pass_class, "run", wrong)


def wrong_zero_point(index: int):
    """The zero point of a convolution changes."""

    def change(module: ir.Module) -> None:
        operations(module, "npu.conv2d")[index].attributes["zp_x"] = to_attr(77)

    return change


def plant_fuse_activations(monkeypatch):
    """Bounds of the clamp are off by one."""
    right = npu_fuse_activations._clip
    monkeypatch.setattr(npu_fuse_activations, "_clip", lambda value, clamp: right(value, clamp) - 1)


def plant_fuse_pads(monkeypatch):
    """The padding that a pad becomes comes without its zero point."""
    behind(NpuFusePads, monkeypatch, wrong_zero_point(-1))


def plant_partition(monkeypatch):
    behind(NpuPartition, monkeypatch, wrong_zero_point(1))


def plant_schedule(monkeypatch):
    behind(NpuSchedule, monkeypatch, wrong_zero_point(0))


def plant_tile(monkeypatch):
    """A tile's rows start one too early wherever they do not start at the top."""
    right = _Tiler._cut

    def wrong(self, value, tensor, region):
        if len(region) == 4 and region[1][0] > 0 and tensor.shape[3] == 16:
            region = (region[0], (region[1][0] - 1, region[1][1]), *region[2:])
        return right(self, value, tensor, region)

    monkeypatch.setattr(_Tiler, "_cut", wrong)


def plant_place_buffers(monkeypatch):
    behind(NpuPlaceBuffers, monkeypatch, wrong_zero_point(-1))


def plant_convert(monkeypatch):
    """Commands of convolutions with 16 channels out get another zero point."""
    right = convert_npu_to_npu_cmd.compute_commands

    def wrong(*arguments):
        return [
            replace(command, instruction=replace(command.instruction, zp_out=command.instruction.zp_out + 3))
            if isinstance(command.instruction, Conv2d) and command.instruction.ofm.shape[3] == 16
            else command
            for command in right(*arguments)
        ]

    monkeypatch.setattr(convert_npu_to_npu_cmd, "compute_commands", wrong)


# plant, pass, layer (the number counts the network's ops), op; "": any
PLANTED = (
    (plant_fuse_activations, "npu-fuse-activations", "conv2d2", "npu.conv2d"),
    (plant_fuse_pads, "npu-fuse-pads", "conv2d5", "npu.conv2d"),
    (plant_partition, "npu-partition", "conv2d2", "npu.conv2d"),
    (plant_schedule, "npu-schedule", "conv2d1", "npu.conv2d"),
    # tiles have no counterpart in the whole module: what they are put together to has, and the schedule says by which op
    (plant_tile, "npu-tile", "", ""),
    (plant_place_buffers, "npu-place-buffers", "conv2d5", "npu.conv2d"),
    (plant_convert, "convert-npu-to-npu-cmd", "conv2d2", "npu_cmd.conv2d"),
)


@pytest.mark.parametrize(("plant", "name", "layer", "op"), PLANTED, ids=[name for _, name, _, _ in PLANTED])
def test_a_defect_in_a_stage_is_named_and_its_reproducer_replays(tmp_path, monkeypatch, capsys, pipeline, plant, name, layer, op):
    with monkeypatch.context() as planted:
        plant(planted)
        with pytest.raises(ValidationError) as caught:
            run_passes(network(), pipeline, validate=Validator(seed=5, reproducer_dir=tmp_path / "found"))
        shown = f"pass '{next(one for one in pipeline if one.startswith(name))}' changed what the module computes"
        assert caught.value.message.startswith(f"{shown}; the first op that differs is {op}")
        assert caught.value.layer == layer if layer else caught.value.layer
        command = (tmp_path / "found" / "replay.txt").read_text()
        assert command.strip() in caught.value.advice
        arguments = shlex.split(command)[1:]
        assert opt.main(arguments) == 1
        replayed = capsys.readouterr().err
        assert f"[NPU700] {shown}" in replayed
        assert f"layer: {caught.value.layer}" in replayed
    # without the plant the very same command is content
    assert opt.main(arguments) == 0
    capsys.readouterr()


def test_the_network_is_right_without_a_plant(tmp_path, pipeline):
    validator = Validator(seed=5, reproducer_dir=tmp_path)
    run_passes(network(), pipeline, validate=validator)
    assert {"npu-fuse-pads", "npu-fuse-activations", "npu-tile", "convert-npu-to-npu-cmd"} <= set(validator.checked)


# what no execution at that level can see -------------------------------------------------------------


def test_buffers_on_one_address_are_refused_by_the_independent_check(pipeline, monkeypatch):
    """The placed form is still executed by value, so an overlap is found by `check_placement`, in the pass itself."""
    monkeypatch.setattr(place, "_first_fit", lambda buffers, order: ((0,) * len(buffers), 16))
    with pytest.raises(InternalError) as caught:
        run_passes(network(), pipeline)
    assert caught.value.message == "the placement is wrong"
    assert re.fullmatch(r"buffers \d+ and \d+ overlap in time and space", str(caught.value.found))


def test_forgotten_semaphores_are_a_race_whatever_the_bytes_say(pipeline, monkeypatch):
    right = convert_npu_to_npu_cmd.synchronize

    def wrong(commands, target):
        return [command for command in right(commands, target) if not isinstance(command.instruction, Wait | Signal)]

    monkeypatch.setattr(convert_npu_to_npu_cmd, "synchronize", wrong)
    module = network()
    run_passes(module, pipeline)
    with pytest.raises(HazardError):
        load(encode(module, target_of(module))).check_hazards()


def test_convolutions_of_16_bits_are_executed_at_every_level():
    net = Net(TensorType((1, 6, 5, 4), "i16"))
    rng, rescale = np.random.default_rng(0), Rescale.from_scales([1e-3], 0, -(1 << 15), (1 << 15) - 1)
    (x,) = net.inputs
    for name, shape, bias in (("conv2d", (8, 3, 3, 4), np.int64), ("depthwise_conv2d", (3, 3, 8), np.int32)):
        weights = net.constant(rng.integers(-127, 128, shape).astype(np.int8))
        sums = net.constant(rng.integers(-1000, 1000, 8).astype(bias))
        x = net.op(name, x, weights, sums, output=TensorType((), "i16"), pads=(1, 1, 1, 1), rescale=rescale)
    checker = Validator(seed=0, engines=("numpy", "auto"))
    lower(net.returns(x), targets.get("edge-256"), validate=checker)
    assert checker.checked[-1] == "convert-npu-to-npu-cmd"


def test_a_network_without_constants_needs_no_byte_of_flash():
    net = Net(i8(1, 4, 4, 2))
    module, target = net.returns(net.max_pool(net.inputs[0])), targets.get("u55-128")
    lower(module, target, validate=Validator(seed=0, engines=("numpy", "auto")))
    program = Program.from_bytes(encode(module, target).to_bytes())
    assert (program.dram_bytes, program.constants) == (0, b"")


def test_packed_depthwise_weights_are_executed_at_every_level():
    net = Net(i8(1, 5, 5, 64))
    weights = net.constant(np.ones((3, 3, 64), np.int8))
    sums, rescale = net.constant(np.zeros(64, np.int32)), Rescale.from_scales([0.1])
    y = net.op("depthwise_conv2d", net.inputs[0], weights, sums, pads=(1, 1, 1, 1), rescale=rescale)
    module, target = net.returns(y), targets.get("u55-128")
    lower(module, target, validate=Validator(seed=0, engines=("numpy", "auto")))
    commands = [command.instruction for segment in encode(module, target).segments for command in segment.commands]
    assert any(isinstance(one, DepthwiseConv2d) and one.packed for one in commands)
