# SPDX-License-Identifier: Apache-2.0
"""Machines that decode weights take them packed: shorter blobs, fewer bytes on the port, the same outputs to the bit."""

import numpy as np
import pytest

from npuc import targets
from npuc.isa.base import Operand, Space
from npuc.isa.conv2d import Conv2d as Conv2dInstruction
from npuc.numerics import kernels
from npuc.numerics.rescale import Rescale
from npuc.ops.base import TensorType
from npuc.ops.conv2d import Conv2d
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.ops.fully_connected import FullyConnected

DECODING = [targets.get(name) for name in ("u55-128", "u55-256", "u65-512-flash", "u65-512-dram")]


def i8(*shape):
    return TensorType(shape, "i8")


def layer(kind):
    """A layer with narrow weights, which pack well, with its input and parameters."""
    rng = np.random.default_rng(0)
    bias_of = {"conv2d": 48, "fully_connected": 200, "depthwise": 320}[kind]
    rescale = Rescale((1 << 30,) * bias_of, (38,) * bias_of, 3, -128, 127)
    spec = {
        "conv2d": lambda: Conv2d.of(
            i8(1, 9, 7, 40), i8(48, 3, 3, 40), TensorType((48,), "i32"), pads=(1, 1, 1, 1), zp_x=-5, zp_w=2, rescale=rescale
        ),
        "fully_connected": lambda: FullyConnected.of(i8(1, 300), i8(200, 300), TensorType((200,), "i32"), zp_x=4, rescale=rescale),
        "depthwise": lambda: DepthwiseConv2d.of(
            i8(1, 6, 6, 320), i8(5, 5, 320), TensorType((320,), "i32"), pads=(2, 2, 2, 2), zp_x=1, rescale=rescale
        ),
    }[kind]()
    x, weights, bias = spec.inputs
    arrays = (
        rng.integers(-128, 128, x.shape).astype(np.int8),
        np.clip(np.round(rng.normal(0, 2, weights.shape)), -128, 127).astype(np.int8),
        rng.integers(-500, 500, bias.shape).astype(np.int32),
    )
    return spec, arrays


def run(spec, x, blob, target):
    """The output of the op's one command on its operands in SRAM, and the command."""
    memory = np.zeros(1 << 20, np.uint8)
    at = {"x": 0, "blob": 1 << 17, "out": 1 << 18}
    memory[: x.size] = x.view(np.uint8).ravel()
    memory[at["blob"] : at["blob"] + len(blob)] = np.frombuffer(blob, np.uint8)
    output = Operand.dense(Space.SRAM, at["out"], spec.output.nhwc)
    params = Operand.dense(Space.SRAM, at["blob"], (1, 1, 1, len(blob)))
    (command,) = spec.emit((Operand.dense(Space.SRAM, 0, spec.inputs[0].nhwc),), output, params, Operand.absent(), target)
    assert not list(command.problems()) and not list(command.limits(target))
    command.effect({Space.SRAM: memory}, kernels)
    return output.read(memory).reshape(spec.output.shape), command


@pytest.mark.parametrize("target", DECODING, ids=lambda target: target.name)
@pytest.mark.parametrize("kind", ["conv2d", "fully_connected", "depthwise"])
def test_packed_weights_change_no_byte(kind, target):
    spec, (x, *params) = layer(kind)
    packed, raw = spec.pack_for(target, *params), spec.pack_params(*params)
    assert len(packed) < len(raw) == spec.param_bytes()
    (from_packed, short), (from_raw, plain) = run(spec, x, packed, target), run(spec, x, raw, target)
    assert short.packed and not plain.packed
    np.testing.assert_array_equal(from_packed, from_raw)
    np.testing.assert_array_equal(from_packed, spec.reference(x, *params))
    assert short.traffic(target)[Space.SRAM] < plain.traffic(target)[Space.SRAM]


def test_weights_that_do_not_pack_stay_as_they_are():
    spec, (_, weights, bias) = layer("conv2d")
    noise = np.random.default_rng(1).integers(-128, 128, weights.shape).astype(np.int8)
    for target in DECODING:
        assert spec.pack_for(target, noise, bias) == spec.pack_params(noise, bias)


@pytest.mark.parametrize("name", ["pico-64", "edge-256", "edge-2048"])
def test_our_own_machines_take_weights_as_they_are(name):
    spec, (_, *params) = layer("conv2d")
    assert spec.pack_for(targets.get(name), *params) == spec.pack_params(*params)


def test_a_machine_without_a_decoder_refuses_packed_weights():
    spec, (x, *params) = layer("conv2d")
    _, command = run(spec, x, spec.pack_for(DECODING[0], *params), DECODING[0])
    assert isinstance(command, Conv2dInstruction)
    assert "weights are packed, edge-256 has no decoder" in list(command.blocked(targets.get("edge-256")).limits(targets.get("edge-256")))
