# SPDX-License-Identifier: Apache-2.0
"""The graph passes on whole small networks: every result keeps its bytes, and the graph has the form promised."""

from collections import Counter

import numpy as np
import pytest
from torch_mlir import ir

import builder
from npuc import dialects
from npuc.dialects.base import tensor_type
from npuc.errors import UnsupportedOp
from npuc.numerics.rescale import Rescale
from npuc.ops.base import TensorType
from npuc.passes.base import operations
from npuc.passes.npu_cancel_layouts import TO_NCHW, TO_NHWC, blocks, compose, inverse, moves_nothing
from npuc.passes.npu_partition import host_ops
from npuc.passes.pipeline import DEFAULT, run_passes
from npuc.validate import Validator

GRAPH_PASSES = DEFAULT[DEFAULT.index("npu-fold-constants") : DEFAULT.index("npu-schedule")]
RNG = np.random.default_rng(7)


class Network(builder.Network):
    """As a front door that knows NCHW would write it."""

    def conv(self, value: ir.Value, channels: int, kernel: int = 1, pad: int = 0, layer: str = "conv") -> ir.Value:
        """NCHW in and out."""
        depth = tensor_type(value.type).shape[1]
        weights = self.constant(RNG.integers(-20, 20, (channels, kernel, kernel, depth)).astype(np.int8))
        bias = self.constant(RNG.integers(-50, 50, channels).astype(np.int32))
        x = self.transpose(value, TO_NHWC)
        rescale = Rescale.from_scales([0.05] * channels, zp_out=3)
        y = self.insert("conv2d", x, weights, bias, pads=(pad,) * 4, zp_x=3, rescale=rescale, layer=layer)
        return self.transpose(y, TO_NCHW)

    def linear(self, value: ir.Value, outputs: int) -> ir.Value:
        depth = tensor_type(value.type).shape[1]
        weights = self.constant(RNG.integers(-20, 20, (outputs, depth)).astype(np.int8))
        bias = self.constant(RNG.integers(-50, 50, outputs).astype(np.int32))
        return self.insert("fully_connected", value, weights, bias, zp_x=3, rescale=Rescale.from_scales([0.02]), layer="fc")


@pytest.fixture(autouse=True)
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def optimise(module: ir.Module, *passes: str) -> Counter:
    """Runs the graph passes, checking every one, and counts the ops that are left."""
    validator = Validator(seed=3)
    run_passes(module, passes or ("npu-set-target{name=edge-256}", *GRAPH_PASSES), validate=validator)
    assert validator.checked
    names = Counter(op.name for op in operations(module))
    return Counter({name.removeprefix("npu."): count for name, count in names.items() if name.startswith("npu.")})


IMAGE = TensorType((1, 8, 6, 6), "i8")


def test_transposes_between_convolutions_cancel():
    net = Network(IMAGE)
    x = net.conv(net.inputs[0], 8)
    x = net.insert("clamp", x, lo=3)
    x = net.conv(net.insert("table", x, net.constant(RNG.integers(-128, 128, 256).astype(np.int8))), 4)
    assert optimise(net.returns(x)) == Counter(conv2d=2, table=1, transpose=2, constant=5)


def test_a_residual_of_the_input_is_added_in_nhwc():
    net = Network(IMAGE)
    x = net.inputs[0]
    y = net.conv(net.conv(x, 8, kernel=3, pad=1), 8)
    assert optimise(net.returns(net.insert("add", y, x))) == Counter(conv2d=2, add=1, transpose=2, constant=4)


def test_a_squeeze_and_excitation_block_is_nhwc_throughout():
    net = Network(IMAGE)
    x = net.conv(net.inputs[0], 8)
    s = net.insert("mean", x, axes=(2, 3), rescale=Rescale.from_scales([1 / 36]))
    s = net.conv(net.insert("clamp", net.conv(s, 4), lo=3), 8)
    s = net.insert("table", s, net.constant(RNG.integers(-128, 128, 256).astype(np.int8)))
    y = net.insert("mul", x, s, rescale=Rescale.from_scales([0.01]))
    assert optimise(net.returns(net.conv(y, 4))) == Counter(conv2d=4, mean=1, table=1, mul=1, transpose=2, constant=9)


def test_concat_slice_and_pad_follow():
    net = Network(IMAGE)
    x = net.conv(net.inputs[0], 8)
    a = net.insert("slice", x, starts=(0, 0, 0, 0), sizes=(1, 4, 6, 6), strides=(1, 1, 1, 1))
    b = net.insert("slice", x, starts=(0, 4, 0, 0), sizes=(1, 4, 6, 6), strides=(1, 1, 1, 1))
    c = net.insert("concat", b, a, net.conv(x, 2), axis=1)
    p = net.insert("pad", c, pads=(0, 0, 0, 0, 1, 1, 1, 2), value=3)
    assert optimise(net.returns(net.conv(p, 4, kernel=3))) == Counter(conv2d=3, slice=2, concat=1, transpose=2, constant=6)


def test_a_flatten_before_a_linear_layer_goes_into_its_weights():
    net = Network(IMAGE)
    x = net.conv(net.inputs[0], 8)
    assert optimise(net.returns(net.linear(net.reshape(x, 1, 288), 5))) == Counter(
        conv2d=1, fully_connected=1, reshape=1, transpose=1, constant=4
    )


def test_a_flatten_of_one_pixel_is_a_reshape():
    net = Network(IMAGE)
    x = net.insert("mean", net.conv(net.inputs[0], 8), axes=(2, 3), rescale=Rescale.from_scales([1 / 36]))
    left = optimise(net.returns(net.linear(net.reshape(x, 1, 8), 5)))
    assert left == Counter(conv2d=1, mean=1, fully_connected=1, reshape=1, transpose=1, constant=4)


def test_a_mean_that_drops_its_dimensions_needs_no_transpose():
    net = Network(IMAGE)
    x = net.insert("mean", net.conv(net.inputs[0], 8), axes=(2, 3), keepdims=False, rescale=Rescale.from_scales([1 / 36]))
    assert optimise(net.returns(net.linear(x, 5))) == Counter(conv2d=1, mean=1, fully_connected=1, transpose=1, constant=4)


def test_a_patch_embedding_needs_no_transpose_after_its_convolution():
    net = Network(IMAGE)
    x = net.reshape(net.conv(net.inputs[0], 16), 1, 16, 36)
    x = net.reshape(net.transpose(x, (0, 2, 1)), 36, 16)
    assert optimise(net.returns(net.linear(x, 5))) == Counter(conv2d=1, fully_connected=1, reshape=1, transpose=1, constant=4)


def test_a_per_channel_constant_is_laid_out_anew():
    net = Network(IMAGE)
    scale = net.constant(RNG.integers(-128, 128, (8, 1, 1)).astype(np.int8))
    x = net.insert("mul", net.conv(net.inputs[0], 8), scale, rescale=Rescale.from_scales([0.01]))
    assert optimise(net.returns(net.conv(x, 8))) == Counter(conv2d=2, mul=1, transpose=2, constant=5)


def test_a_long_chain_at_the_input_is_no_burden():
    net = Network(IMAGE)
    x = net.inputs[0]
    for _ in range(30):
        x = net.insert("table", net.insert("add", x, x), net.constant(RNG.integers(-128, 128, 256).astype(np.int8)))
    left = optimise(net.returns(net.conv(x, 8)), "npu-cancel-layouts", "canonicalize")
    assert left["transpose"] == 2
    assert [op.name for op in operations(net.module, "npu.transpose", "npu.add")][0] == "npu.transpose"


def test_any_order_sinks_where_all_operands_have_it():
    net = Network(TensorType((1, 4, 6, 5), "i8"), TensorType((1, 4, 6, 5), "i8"))
    a, b = (net.transpose(value, (0, 2, 1, 3)) for value in net.inputs)
    y = net.transpose(net.insert("add", a, b), (0, 2, 1, 3))
    assert optimise(net.returns(y), "npu-cancel-layouts") == Counter(add=1)


def test_the_last_two_dimensions_swapped_are_a_flag_of_matmul():
    net = Network(TensorType((2, 4, 6), "i8"), TensorType((2, 5, 6), "i8"))
    a, b = net.inputs
    y = net.insert("matmul", a, net.transpose(b, (0, 2, 1)), rescale=Rescale.from_scales([0.01]))
    assert optimise(net.returns(y), "npu-cancel-layouts") == Counter(matmul=1)


def test_a_channel_shuffle_moves_channels_alone():
    net = Network(IMAGE)
    x = net.reshape(net.conv(net.inputs[0], 8), 1, 2, 4, 6, 6)
    x = net.reshape(net.transpose(x, (0, 2, 1, 3, 4)), 1, 8, 6, 6)
    left = optimise(net.returns(net.conv(x, 4)))
    assert left == Counter(conv2d=2, transpose=3, reshape=2, constant=4)
    middle = operations(net.module, "npu.transpose")[1]
    assert tensor_type(middle.operands[0].type).shape == (36, 2, 4)


def test_a_pixel_shuffle_is_two_transposes_of_four_dimensions():
    net = Network(IMAGE)
    x = net.reshape(net.conv(net.inputs[0], 8), 1, 2, 2, 2, 6, 6)
    x = net.reshape(net.transpose(x, (0, 1, 4, 2, 5, 3)), 1, 2, 12, 12)
    left = optimise(net.returns(net.conv(x, 4)))
    assert (left["conv2d"], left["transpose"]) == (2, 4)
    assert {len(tensor_type(op.results[0].type).shape) for op in operations(net.module, "npu.transpose")} <= {3, 4}
    assert not any(name == "npu.transpose" and "dimensions" in reason for _, name, reason in host_ops(net.module))


def test_float_edges_stay_on_the_host_and_transposes_move_bytes():
    net = Network(TensorType((1, 3, 6, 6), "f32"))
    x = net.insert("quantize", net.inputs[0], output=TensorType((1, 3, 6, 6), "i8"), scale=0.02, zp=3, layer="input")
    y = net.insert("dequantize", net.conv(x, 4), scale=0.1, zp=3, layer="output")
    y = net.insert("float_softmax", y, axis=1, layer="head")
    assert optimise(net.returns(y)) == Counter(quantize=1, conv2d=1, dequantize=1, transpose=2, float_softmax=1, constant=2)
    assert [name for _, name, _ in host_ops(net.module)] == [
        "npu.quantize",
        "npu.transpose",
        "npu.transpose",
        "npu.dequantize",
        "npu.float_softmax",
    ]
    kinds = {str(op.results[0].type.element_type) for op in operations(net.module, "npu.transpose")}
    assert kinds == {"i8"}


def test_a_transpose_on_the_float_side_meets_the_one_behind_quantize():
    net = Network(TensorType((1, 6, 6, 3), "f32"))
    x = net.transpose(net.inputs[0], TO_NCHW)
    x = net.insert("quantize", x, output=TensorType((1, 3, 6, 6), "i8"), scale=0.02, zp=3)
    y = net.transpose(net.insert("dequantize", net.conv(x, 4), scale=0.1, zp=3), TO_NHWC)
    assert optimise(net.returns(y)) == Counter(quantize=1, conv2d=1, dequantize=1, constant=2)


def test_a_float_op_in_the_middle_runs_on_the_host_and_without_fallback_is_refused_by_name():
    net = Network(IMAGE)
    x = net.insert("dequantize", net.conv(net.inputs[0], 8), scale=0.1, layer="block.dq")
    x = net.insert("float_softmax", x, axis=1, layer="block.attention")
    x = net.insert("quantize", x, output=IMAGE, scale=0.1, layer="block.q")
    module = net.returns(net.conv(x, 4))
    run_passes(module, ("npu-set-target{name=edge-256}", *GRAPH_PASSES))
    assert {"block.dq", "block.attention", "block.q"} <= {layer for layer, _, _ in host_ops(module)}
    with pytest.raises(UnsupportedOp) as caught:
        run_passes(module, ["npu-partition{fallback=false}"])
    assert caught.value.layer == "block.attention"
    assert "falling back to the host is switched off" in str(caught.value)
    assert caught.value.rule and caught.value.advice


def test_weights_computed_at_run_time_are_the_hosts():
    net = Network(IMAGE, TensorType((4, 1, 1, 8), "i8"))
    x = net.conv(net.inputs[0], 8)
    x = net.transpose(x, TO_NHWC)
    x = net.transpose(net.insert("conv2d", x, net.inputs[1], net.constant(np.zeros(4, np.int32)), layer="dynamic"), TO_NCHW)
    run_passes(net.returns(net.conv(x, 4)), ("npu-set-target{name=edge-256}", *GRAPH_PASSES))
    ((_, _, reason),) = [found for found in host_ops(net.module) if found[0] == "dynamic"]
    assert reason == "weights of conv2d are known at compile time: found a value computed at run time, wanted a constant"


def test_what_the_npu_refuses_may_stand_at_an_edge():
    net = Network(TensorType((8, 1, 6, 6), "i8"))
    x = net.insert("mean", net.inputs[0], axes=(0,), rescale=Rescale.from_scales([1 / 8]), layer="batch")
    y = net.insert("mean", net.conv(x, 4), axes=(0,), rescale=Rescale.from_scales([1.0]), layer="head")
    optimise(net.returns(y))
    assert [name for _, name, _ in host_ops(net.module)] == ["npu.reshape", "npu.mean", "npu.mean", "npu.transpose"]


def test_a_host_op_may_read_constants():
    net = Network(IMAGE)
    x = net.reshape(net.conv(net.inputs[0], 8), 1, 1, 8, 6, 6)
    y = net.insert("concat", x, net.constant(np.zeros((1, 1, 8, 6, 6), np.int8)), axis=0, layer="head")
    optimise(net.returns(y))
    assert ("head", "npu.concat", "an operand has at most four dimensions: found 5, wanted at most 4") in host_ops(net.module)


def test_a_float_reshape_is_never_the_npus():
    net = Network(IMAGE)
    x = net.insert("dequantize", net.conv(net.inputs[0], 4), scale=0.1)
    optimise(net.returns(net.reshape(x, 4, 36), net.reshape(net.inputs[0], 8, 36)))
    assert [name for _, name, _ in host_ops(net.module)][-2:] == ["npu.dequantize", "npu.reshape"]


def test_the_algebra_of_orders():
    shape = (2, 3, 4, 5)
    x = np.arange(120).reshape(shape)
    assert compose(TO_NCHW, TO_NHWC) == (0, 1, 2, 3) == compose(TO_NHWC, inverse(TO_NHWC))
    assert np.array_equal(x.transpose(TO_NCHW).transpose((3, 1, 0, 2)), x.transpose(compose(TO_NCHW, (3, 1, 0, 2))))
    assert moves_nothing((1, 1, 1, 8), TO_NCHW) and not moves_nothing((1, 2, 1, 8), TO_NCHW) and moves_nothing((1, 2, 3, 1), (0, 3, 1, 2))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((2, 3, 4), (6, 4), [([0, 1], [0]), ([2], [1])]),
        ((6, 4), (2, 3, 1, 4), [([0], [0, 1]), ([1], [3])]),
        ((4, 6), (3, 8), [([0, 1], [0, 1])]),
        ((1, 1), (1,), []),
    ],
)
def test_blocks_are_what_a_reshape_keeps_apart(before, after, expected):
    assert blocks(before, after) == expected


def random_network(seed: int) -> ir.Module:
    """A random graph of rank-4 values in random orders, with convolutions, reshapes and whatever computes in any layout."""
    rng = np.random.default_rng(seed)
    net = Network(TensorType((1, 4, 3, 5), "i8"), TensorType((2, 3, 4, 2), "i8"))
    values = list(net.inputs)
    for _ in range(25):
        x = values[rng.integers(len(values))]
        shape = tensor_type(x.type).shape
        peers = [value for value in values if tensor_type(value.type).shape == shape]
        y = peers[rng.integers(len(peers))]
        halved = Rescale.from_scales([0.5])
        match rng.integers(12):
            case 0 | 1:
                made = net.transpose(x, [TO_NCHW, TO_NHWC][rng.integers(2)])
            case 2:
                made = net.transpose(x, tuple(int(i) for i in rng.permutation(4)))
            case 3:
                made = net.conv(x, 4)
            case 4:
                made = net.insert("add", x, y, rescale=halved, zp_a=3)
            case 5:
                low, high = sorted(int(v) for v in rng.integers(-128, 128, 2))
                made = net.insert("clamp", x, lo=low, hi=high)
            case 6:
                axis = int(rng.integers(4))
                made = net.insert("concat", x, y, axis=axis) if shape[axis] < 8 else net.insert("mul", x, y, rescale=halved)
            case 7:
                pads = [0] * 8
                pads[rng.integers(8)] = 1
                made = net.insert("pad", x, pads=tuple(pads), value=int(rng.integers(-128, 128)))
            case 8:
                starts = tuple(int(rng.integers(extent)) for extent in shape)
                sizes = tuple(int(rng.integers(1, extent - start + 1)) for extent, start in zip(shape, starts, strict=True))
                made = net.insert("slice", x, starts=starts, sizes=sizes, strides=(1, 1, 1, 1))
            case 9:
                merged = net.reshape(x, shape[0], shape[1], shape[2] * shape[3])
                made = net.reshape(net.transpose(merged, (0, 2, 1)), shape[0], shape[2], shape[3], shape[1])
            case 10:
                halves = [2 if extent % 2 == 0 else 1 for extent in shape]
                parts = net.reshape(x, *(n for extent, half in zip(shape, halves, strict=True) for n in (half, extent // half)))
                made = net.reshape(net.transpose(parts, tuple(int(i) for i in rng.permutation(8))), *shape)
            case _:
                scale = net.constant(rng.integers(-128, 128, (shape[1], 1, 1)).astype(np.int8))
                made = net.insert("mul", x, scale, rescale=halved)
        values.append(made)
    return net.returns(*values[-6:])


@pytest.mark.parametrize("seed", range(25))
def test_random_networks_keep_every_byte(seed):
    validator = Validator(seed=seed)
    run_passes(random_network(seed), ["canonicalize", *GRAPH_PASSES[:-1]], validate=validator)
    assert validator.checked
