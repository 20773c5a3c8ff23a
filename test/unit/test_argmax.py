# SPDX-License-Identifier: Apache-2.0
"""argmax on the NPU through all passes: any dimension, kept or not, either result, at the end and in the middle; from PyTorch and TFLite."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_mlir import ir

import npuc
from models import randomize
from npuc import dialects
from npuc.isa.program import HostSegment, Program
from npuc.ops.base import TensorType
from npuc.passes.npu_partition import NpuPartition, host_ops
from npuc.passes.pipeline import DEFAULT, run_passes
from npuc.quantize import quantize_module
from npuc.runtime import load
from npuc.targets import names
from npuc.validate import Validator, difference
from samples.networks import Net, i8, run_levels, set_target

torch.set_num_threads(1)


@pytest.fixture
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def calls(program: Program) -> list[str]:
    return [call.op for segment in program.segments if isinstance(segment, HostSegment) for call in segment.calls]


@pytest.mark.parametrize("target", names())
@pytest.mark.parametrize(("keepdims", "dtype"), [(False, "i64"), (True, "i32")])
@pytest.mark.parametrize(("shape", "axis"), [((1, 9, 13, 21), 3), ((2, 7, 6, 11), 1), ((3, 300), 1), ((4, 5, 9), 0), ((5,), 0)])
def test_any_dimension_of_a_network_runs_on_the_npu(context, target, shape, axis, keepdims, dtype):
    net = Net(i8(*shape))
    x = net.op("clamp", net.inputs[0], lo=-100, hi=90)
    module = net.returns(net.op("argmax", x, axis=axis, keepdims=keepdims, output=TensorType((), dtype)))
    run_passes(module, [f"npu-set-target{{name={target}}}"])
    run_passes(module, ["npu-channel-argmax", "npu-cancel-layouts"], validate=Validator(seed=1))
    found = run_levels(module, target)
    assert not calls(found.program)
    shapes = [found.program.tensor(port.tensor_id).shape for port in found.program.outputs]
    assert shapes == [tuple(found.outputs[0].shape)]


@pytest.mark.parametrize("target", ["edge-256", "u55-256"])
def test_the_index_may_be_read_again(context, target):
    net = Net(i8(1, 6, 9, 12))
    best = net.op("argmax", net.inputs[0], axis=3, keepdims=False, output=TensorType((), "i32"))
    wide = net.op("reshape", best, output=TensorType((1, 6, 9, 1), "i32"))
    module = net.returns(net.op("maximum", wide, wide), best)
    set_target(module, target)
    run_passes(module, ["npu-channel-argmax", "npu-cancel-layouts"])
    assert not [name for _, name, _ in host_ops(run_levels(module, target).module) if name == "npu.argmax"]


@pytest.mark.parametrize("sram_kib", [32, 16])
@pytest.mark.parametrize("target", ["edge-256", "u65-512-dram"])
def test_a_map_larger_than_the_sram_is_searched_in_stripes(context, target, sram_kib):
    net = Net(i8(1, 48, 40, 21))
    module = net.returns(net.op("argmax", net.inputs[0], axis=3, keepdims=False, output=TensorType((), "i64")))
    set_target(module, target, sram_kib)
    run_passes(module, ["npu-channel-argmax"])
    found = run_levels(module, target, sram_kib)
    assert not calls(found.program)
    assert max(tensor.bytes for tensor in found.program.tensors) > found.program.sram_bytes


def test_without_room_for_what_the_host_hands_over_the_host_keeps_it(context):
    def on_host(sram_kib):
        net = Net(i8(1, 40, 40, 21))
        x = net.op("clamp", net.inputs[0], lo=-100, hi=90)
        module = net.returns(net.op("argmax", x, axis=3, keepdims=True, output=TensorType((), "i64")))
        set_target(module, "u55-256", sram_kib)
        run_passes(module, [NpuPartition(force_host="clamp")])
        return [(name, reason) for _, name, reason in host_ops(module)]

    # 33,600 bytes in, 12,800 out, and what a row needs
    assert [name for name, _ in on_host(64)] == ["npu.clamp"]
    (_, (name, reason)) = on_host(47)
    assert name == "npu.argmax" and "lies in SRAM" in reason


def test_the_user_may_put_it_on_the_host(context):
    net = Net(i8(1, 6, 9, 12))
    x = net.op("clamp", net.inputs[0], lo=-100, hi=90)
    module = net.returns(net.op("argmax", x, axis=1, keepdims=False, output=TensorType((), "i64")))
    set_target(module, "edge-256")
    run_passes(module, [NpuPartition(force_host="argmax") if name == "npu-partition" else name for name in DEFAULT], validate=Validator(seed=0))
    assert "npu.argmax" in [name for _, name, _ in host_ops(module)]


def test_a_reshape_at_the_end_is_a_shape_alone(context):
    net = Net(i8(1, 6, 8, 8))
    made = net.op("reshape", net.op("clamp", net.inputs[0], lo=-100, hi=90), output=i8(1, 6, 64))
    module = net.returns(net.op("reshape", made, output=i8(384)))
    for target in ("edge-256", "u55-256"):
        copy = ir.Module.parse(str(module))
        set_target(copy, target)
        found = run_levels(copy, target)
        assert not calls(found.program)
        assert len(found.program.tensors) == 2
        assert [found.program.tensor(port.tensor_id).shape for port in found.program.outputs] == [(384,)]


class Searched(nn.Module):
    def __init__(self, search):
        super().__init__()
        self.layer, self.search = nn.Conv2d(3, 21, 3, padding=1), search

    def forward(self, x):
        return self.search(self.layer(x))


@pytest.mark.parametrize("target", ["edge-256", "u55-256"])
@pytest.mark.parametrize(
    "search",
    [
        lambda y: y.argmax(1),
        lambda y: y.argmax(1, keepdim=True),
        lambda y: y.max(1).indices,
        lambda y: y.argmax(3),
        lambda y: y.mean((2, 3)).argmax(1),
        lambda y: nn.functional.interpolate(y, scale_factor=2).argmax(1),
    ],
    ids=["argmax", "keepdim", "max", "columns", "class", "resized"],
)
def test_pytorchs_argmax_runs_on_the_npu(search, target):
    x = torch.randn((2, 3, 6, 10), generator=torch.Generator().manual_seed(1))
    program = quantize_module(randomize(Searched(search), 0), (x,), [x])[0]
    compiled = npuc.compile(program, target=target)
    np.testing.assert_array_equal(compiled.run(x.numpy()), program.module()(x).numpy())
    assert not {"argmax", "dequantize"} & set(calls(compiled.program))


def test_the_program_file_keeps_an_i64_result(context):
    net = Net(i8(1, 5, 9, 12))
    module = net.returns(net.op("argmax", net.inputs[0], axis=3, keepdims=True, output=TensorType((), "i64")))
    set_target(module, "u65-512-dram")
    found = run_levels(module, "u65-512-dram")
    again = load(Program.from_bytes(found.program.to_bytes()), "numpy").run(*found.inputs)
    assert again.dtype == np.int64 and not difference(found.outputs, [again])
