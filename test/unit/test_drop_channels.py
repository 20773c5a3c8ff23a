# SPDX-License-Identifier: Apache-2.0
"""Channels that cannot matter are taken out of pruned networks, all of them and no other, and the bytes stay."""

import numpy as np
import pytest
from torch_mlir import ir

from builder import Network
from npuc import dialects, targets
from npuc.compiler import encode, lower
from npuc.dialects.attrs import TargetRef, to_attr
from npuc.dialects.base import spec_of, tensor_type
from npuc.errors import UserInputError
from npuc.numerics.rescale import Rescale
from npuc.ops.base import TensorType
from npuc.passes.base import TARGET_ATTRIBUTE, operations
from npuc.passes.pipeline import leave_out, run_passes
from npuc.report.profile import profile
from npuc.validate import Validator

RELU = {"zp_out": -128, "lo": -128, "hi": 127}


def scale(fan_in, count=1, **bounds):
    return Rescale.from_scales([1 / (64 * fan_in**0.5)] * count, **bounds)


class Pruned(Network):
    """Layers of which some filters are zero and feed nothing, as magnitude pruning with batch normalization leaves them."""

    def __init__(self, rng, *inputs):
        super().__init__(*inputs)
        self.rng = rng

    def parameters(self, shape, dead, axis=0):
        """Weights and bias; a dead channel's result is the zero point, -128."""
        weights = self.rng.integers(-30, 31, shape).astype(np.int8)
        bias = self.rng.integers(-500, 500, shape[axis]).astype(np.int32)
        weights[(slice(None),) * axis + (dead,)] = 0
        bias[dead] = -self.rng.integers(0, 500, len(dead))
        return self.constant(weights), self.constant(bias)

    def conv(self, x, channels, dead, kernel=1, strides=(1, 1)):
        depth, pad = tensor_type(x.type).shape[-1], kernel // 2
        weights, bias = self.parameters((channels, kernel, kernel, depth), dead)
        rescale = scale(kernel * kernel * depth, channels, **RELU)
        return self.insert("conv2d", x, weights, bias, pads=(pad,) * 4, strides=strides, zp_x=-128, rescale=rescale, output=TensorType((), "i8"))

    def depthwise(self, x, dead):
        channels = tensor_type(x.type).shape[-1]
        weights, bias = self.parameters((3, 3, channels), dead, axis=2)
        rescale = scale(9, channels, **RELU)
        return self.insert("depthwise_conv2d", x, weights, bias, pads=(1,) * 4, zp_x=-128, rescale=rescale, output=TensorType((), "i8"))


def separable(rng, dead_after_first, dead_in_depthwise):
    """Convolution, depthwise convolution, convolution to the result."""
    network = Pruned(rng, TensorType((1, 9, 7, 3), "i8"))
    x = network.conv(network.inputs[0], 40, dead_after_first, kernel=3, strides=(2, 2))
    x = network.depthwise(x, dead_in_depthwise)
    network.returns(network.conv(x, 12, []))
    return network.module


def with_target(module, name):
    module.operation.attributes[TARGET_ATTRIBUTE] = to_attr(TargetRef(name, targets.get(name).sram.bytes))
    return module


def shapes(module, *names):
    return [spec_of(op).output.shape for op in operations(module, *names)]


@pytest.mark.parametrize(("machine", "channels"), [("edge-256", 28), ("u55-256", 32)])
def test_dead_filters_go_from_every_layer_that_has_them(machine, channels):
    """Of 40 channels 7 die in the first layer and 5 more in the second, where that is padded: 28 are left, on micro-blocks 32."""
    rng = np.random.default_rng(1)
    dead = rng.permutation(40)
    with dialects.new_context(), ir.Location.unknown():
        module = with_target(separable(rng, dead[:7], dead[7:12]), machine)
        before = len(operations(module, "npu.conv2d", "npu.depthwise_conv2d"))
        run_passes(module, ["npu-drop-channels"], validate=Validator(seed=2))
        assert shapes(module, "npu.conv2d") == [(1, 5, 4, channels), (1, 5, 4, 12)]
        assert shapes(module, "npu.depthwise_conv2d") == [(1, 5, 4, channels)]
        assert before == 3


def test_a_residual_sum_keeps_what_either_side_has():
    """A channel of the sum goes only where both sides are dead, or where the reader has no weight for it."""
    rng = np.random.default_rng(3)
    with dialects.new_context(), ir.Location.unknown():
        network = Pruned(rng, TensorType((1, 6, 6, 8), "i8"))
        left = network.conv(network.inputs[0], 20, [0, 1, 2, 3])
        right = network.conv(left, 20, [2, 3, 4, 5])
        total = network.insert("add", left, right, zp_a=-128, zp_b=-128, rescale=Rescale.from_scales([0.5], **RELU), output=TensorType((), "i8"))
        network.returns(network.conv(total, 6, []))
        run_passes(network.module, ["npu-drop-channels"], validate=Validator(seed=4))
        assert shapes(network.module, "npu.add") == [(1, 6, 6, 18)]
        assert shapes(network.module, "npu.conv2d") == [(1, 6, 6, 18), (1, 6, 6, 18), (1, 6, 6, 6)]


def test_pools_and_means_pass_on_what_their_readers_need():
    rng = np.random.default_rng(5)
    with dialects.new_context(), ir.Location.unknown():
        network = Pruned(rng, TensorType((1, 8, 8, 4), "i8"))
        x = network.conv(network.inputs[0], 24, [])
        x = network.insert("max_pool2d", x, kernel=(2, 2), strides=(2, 2))
        x = network.insert("mean", x, axes=(1, 2), keepdims=False, zp_x=-128, rescale=Rescale.from_scales([1 / 16], **RELU))
        weights = rng.integers(-30, 31, (10, 24)).astype(np.int8)
        weights[:, 5:20] = 0
        bias = network.constant(np.zeros(10, np.int32))
        y = network.insert(
            "fully_connected", x, network.constant(weights), bias, zp_x=-128, rescale=scale(24), output=TensorType((), "i8")
        )  # fmt: skip
        network.returns(y)
        run_passes(network.module, ["npu-drop-channels"], validate=Validator(seed=6))
        assert shapes(network.module, "npu.conv2d", "npu.max_pool2d", "npu.mean") == [(1, 8, 8, 9), (1, 4, 4, 9), (1, 9)]


def test_a_layer_without_any_use_keeps_one_channel():
    """Every weight behind it is zero, so the result does not depend on it; a tensor has at least one channel."""
    rng = np.random.default_rng(7)
    with dialects.new_context(), ir.Location.unknown():
        network = Pruned(rng, TensorType((1, 4, 4, 4), "i8"))
        x = network.conv(network.inputs[0], 8, [])
        network.returns(network.conv(x, 5, range(5)))
        run_passes(network.module, ["npu-drop-channels"], validate=Validator(seed=8))
        assert shapes(network.module, "npu.conv2d") == [(1, 4, 4, 1), (1, 4, 4, 5)]


@pytest.mark.parametrize("machine", targets.names())
@pytest.mark.parametrize("seed", range(4))
def test_pruned_networks_keep_their_bytes_through_all_passes(machine, seed):
    rng = np.random.default_rng(seed)
    first, second = (np.flatnonzero(rng.random(40) < share) for share in rng.uniform(0, 1, 2))
    with dialects.new_context(), ir.Location.unknown():
        module = separable(rng, first, second)
        lower(module, targets.get(machine), validate=Validator(seed=seed))


def test_what_is_not_computed_is_said_and_can_be_kept():
    """The profile counts channels and multiply-accumulates that went; without the technique nothing goes."""
    target, found = targets.get("pico-64"), []
    for without in ((), ("drop-channels",)):
        with dialects.new_context(), ir.Location.unknown():
            module = separable(np.random.default_rng(9), np.arange(10), np.arange(10, 30))
            lower(module, target, without=without)
            found.append(profile(encode(module, target)))
    short, whole = found
    assert (whole.dropped_channels, whole.dropped_macs) == (0, 0)
    # 30 of 40 channels of a 3x3x3 convolution and of a 3x3 depthwise one, on 5 x 4 pixels, and of what the last layer reads
    assert (short.dropped_channels, short.dropped_macs) == (60, 30 * 20 * (27 + 9 + 12))
    assert short.macs + short.dropped_macs == whole.macs
    assert short.cycles < whole.cycles
    assert "60 channels that cannot matter are not computed" in " ".join(str(short).split())


def test_a_technique_that_there_is_not_is_refused():
    with pytest.raises(UserInputError, match="no such technique"):
        leave_out(["drop-chanels"])


def test_what_is_no_op_of_npuc_keeps_every_channel():
    """Between such ops stand numbers and tensors of unknown extents; npu-partition names the op later."""
    text = """func.func @main(%a: tensor<1x4xi8>, %b: tensor<?x4xi8>) -> (tensor<1x4xf32>, tensor<?x4xi8>) {
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<1x4xf32>
      %filled = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x4xf32>) -> tensor<1x4xf32>
      return %filled, %b : tensor<1x4xf32>, tensor<?x4xi8>
    }"""
    with dialects.new_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        before = str(module)
        run_passes(module, ["npu-drop-channels"])
        assert str(module) == before
