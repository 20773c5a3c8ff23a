# SPDX-License-Identifier: Apache-2.0
"""What is quantized, what shares parameters, and what stays as it was."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models import randomize
from npuc.errors import ImportFailed, UserInputError
from npuc.quantize import is_quantized, quantize_module
from npuc.quantize.names import layer_name, op_name
from npuc.quantize.rounding import compensated

torch.set_num_threads(1)


class Apply(nn.Module):
    """A function as a module, after a convolution `conv` (3 to 8 channels)."""

    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.function = function

    def forward(self, x):
        return self.function(self.conv(x))


def quantized(module: nn.Module, shape=(1, 3, 8, 8), **options):
    """The converted program of a module with live random weights."""
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    calibration = options.pop("calibration", [inputs, -inputs])
    program, _ = quantize_module(randomize(module, 0), (inputs,), calibration, **options)
    return program


def ops(program) -> list[str]:
    """Plain op names in order, without the graph's inputs; q and dq stand for per-tensor quantize and dequantize."""
    short = {"quantize_per_tensor": "q", "dequantize_per_tensor": "dq", "dequantize_per_channel": "dq_w"}
    names = [op_name(node) or "getitem" for node in program.graph.nodes if node.op == "call_function"]
    return [short.get(name, name) for name in names if name != "dequantize_per_channel"]


def parameters(program) -> list[tuple[float, int]]:
    """(scale, zero point) of every per-tensor quantize, in order."""
    return [node.args[1:3] for node in program.graph.nodes if op_name(node) == "quantize_per_tensor"]


CLAMPS = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "hardtanh": lambda x: F.hardtanh(x, -0.5, 0.5),
    "clamp": lambda x: x.clamp(-1, 2),
    "clamp_min": lambda x: x.clamp_min(0),
    "in place": lambda x: F.relu(x, inplace=True),
    "one after another": lambda x: torch.relu(x).clamp_max(1),
}


@pytest.mark.parametrize("name", CLAMPS)
def test_a_clamp_is_observed_together_with_the_convolution_before_it(name):
    assert [op for op in ops(quantized(Apply(CLAMPS[name]))) if op in ("q", "dq", "conv2d")] == ["q", "dq", "conv2d", "q", "dq"]


@pytest.mark.parametrize("binary", [lambda x: x + x.flip(2), lambda x: x - x.flip(2), lambda x: x * x.flip(2)])
def test_a_clamp_is_observed_together_with_the_elementwise_op_before_it(binary):
    op, *rest = ops(quantized(Apply(lambda x: torch.relu(binary(x)))))[-4:]
    assert op in ("add", "sub", "mul") and rest == ["relu", "q", "dq"]


def test_a_clamp_behind_dropout_is_fused_too():
    program = quantized(Apply(nn.Sequential(nn.Dropout(0.5), nn.ReLU())))
    assert ops(program) == ["q", "dq", "conv2d", "relu", "q", "dq"]


def test_a_clamp_that_is_not_the_only_reader_gets_parameters_of_its_own():
    program = quantized(Apply(lambda x: torch.relu(x) + x))
    assert ops(program) == ["q", "dq", "conv2d", "q", "dq", "dq", "relu", "q", "dq", "add", "q", "dq"]


def test_weights_are_symmetric_per_output_channel_and_activations_affine_per_tensor():
    program = quantized(Apply(torch.relu))
    (weight,) = [node for node in program.graph.nodes if op_name(node) == "dequantize_per_channel"]
    assert weight.args[3:6] == (0, -127, 127)
    constants = {**program.state_dict, **program.constants}
    assert constants["_frozen_param0"].dtype == torch.int8
    assert constants["_scale_0"].shape == (8,) and not constants["_zero_point_0"].any()
    assert all(node.args[3:6] == (-128, 127, torch.int8) for node in program.graph.nodes if op_name(node) == "quantize_per_tensor")


@pytest.mark.parametrize("layer, axis", [(nn.Conv2d(3, 6, 3, groups=3), 0), (nn.ConvTranspose2d(3, 6, 2, 2), 1), (nn.Linear(8, 5), 0)])
def test_the_weight_axis_is_the_output_channel(layer, axis):
    (weight,) = [node for node in quantized(nn.Sequential(layer)).graph.nodes if op_name(node) == "dequantize_per_channel"]
    assert weight.args[3] == axis


SHARING = {
    "max_pool": lambda x: F.max_pool2d(x, 2),
    "view": lambda x: x.view(1, -1),
    "flatten": lambda x: x.flatten(1),
    "permute": lambda x: x.permute(0, 2, 3, 1),
    "transpose": lambda x: x.transpose(1, 2),
    "slice": lambda x: x[:, 2:5, ::2],
    "pad": lambda x: F.pad(x, (1, 1, 0, 2)),
    "pad with a value": lambda x: F.pad(x, (1, 1), value=0.25),
    "nearest": lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "chunk": lambda x: x.chunk(2, 1)[1],
    "split": lambda x: x.split([3, 5], 1)[0],
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pool of a reshape": lambda x: F.max_pool2d(x.reshape(1, 2, 16, 16), 2),
}


@pytest.mark.parametrize("name", SHARING)
def test_ops_that_move_codes_share_parameters(name):
    _, *rest = parameters(quantized(Apply(SHARING[name])))
    assert len(rest) >= 2 and len(set(rest)) == 1


def test_concats_of_the_same_tensors_in_other_orders_share_one_set_of_parameters():
    class Both(nn.Module):
        def forward(self, x):
            y = 3 * torch.sigmoid(x) - 1
            return torch.cat([x, y, x], 1), torch.cat([y, x], 1)

    # each concat once waited for the parameters of the other: a RecursionError
    program = quantized(Both())
    concats = [node for node in program.graph.nodes if op_name(node) == "cat"]
    assert len(concats) == 2 and len({part.args[1:3] for node in concats for part in node.args[0]}) == 1


def test_concat_shares_parameters_with_all_its_operands():
    program = quantized(Apply(lambda x: torch.cat([torch.relu(x), 3 * torch.sigmoid(x) - 1, x], 1)))
    last = [node for node in program.graph.nodes if op_name(node) == "cat"][0]
    assert {node.args[1:3] for node in last.args[0]} == {parameters(program)[-1]}


@pytest.mark.parametrize("average", [lambda x: F.avg_pool2d(x, 2), lambda x: F.adaptive_avg_pool2d(x, 1), lambda x: x.mean([2, 3])])
def test_averages_have_parameters_of_their_own(average):
    _, before, after = parameters(quantized(Apply(average)))
    assert after[0] < before[0]


UNARY = [
    torch.tanh,
    torch.sigmoid,
    F.gelu,
    F.silu,
    F.hardswish,
    F.hardsigmoid,
    F.leaky_relu,
    F.elu,
    F.mish,
    lambda x: x * 0.5,
    lambda x: 1 - x,
]


@pytest.mark.parametrize("function", UNARY)
def test_a_unary_function_stands_between_codes(function):
    assert [name for name in ops(quantized(Apply(function))) if name in ("q", "dq")] == ["q", "dq"] * 3


def test_softmax_has_fixed_parameters_that_travel_through_a_reshape():
    program = quantized(Apply(lambda x: x.softmax(1).flatten(1)))
    assert parameters(program)[-2:] == [(1 / 256, -128), (1 / 256, -128)]


def test_both_operands_of_a_matrix_product_are_activations():
    program = quantized(Apply(lambda x: x @ x.transpose(2, 3)))
    (product,) = [node for node in program.graph.nodes if op_name(node) == "matmul"]
    assert [op_name(node) for node in product.args] == ["dequantize_per_tensor"] * 2


def test_batch_norms_are_folded():
    module = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
    assert ops(quantized(module)) == ["q", "dq", "conv2d", "hardtanh", "q", "dq"]


def assert_close_to_float(module: nn.Module, shape=(1, 3, 8, 8), levels: float = 6.0):
    """The quantized network is within a few output codes of the float one."""
    program = quantized(module, shape)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        error = (program.module(check_guards=False)(x) - module(x)).abs().max()
    assert error <= levels * parameters(program)[-1][0]


class PreNorm(nn.Module):
    """A convolution that is read both by a batch norm and past it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        y = self.conv(x)
        return torch.relu(self.norm(y)) + y


def test_a_convolution_with_other_readers_keeps_its_own_values():
    assert_close_to_float(PreNorm())


def test_a_batch_norm_without_a_convolution_becomes_a_depthwise_one():
    module = nn.Sequential(nn.MaxPool2d(2), nn.BatchNorm2d(3), nn.ReLU())
    assert ops(quantized(module)) == ["q", "dq", "max_pool2d", "q", "dq", "conv2d", "relu", "q", "dq"]
    assert_close_to_float(module)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        y = self.conv(x)
        y += x
        y.mul_(0.5)
        return F.relu(y, inplace=True)


def test_in_place_ops_are_quantized_as_their_functional_forms():
    assert not any(name.endswith("_") for name in ops(quantized(InPlace())))
    assert_close_to_float(InPlace())


def test_the_module_is_the_same_afterwards():
    module = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4), nn.Dropout(0.5))
    randomize(module, 0).train()
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    quantize_module(module, (torch.randn(1, 3, 8, 8),), "random", bias_correction=True)
    assert [layer.training for layer in module] == [True, False, True]
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_the_module_is_the_same_after_a_failure():
    module = randomize(nn.Sequential(nn.Conv2d(3, 4, 1)), 0).train()
    with pytest.raises(ImportFailed, match="torch.export"):
        quantize_module(module, (torch.randn(1, 5, 8, 8),), "random")
    assert module.training


def test_a_quantized_program_comes_back_unchanged():
    program = quantized(Apply(torch.relu))
    again, report = quantize_module(program, (torch.randn(1, 3, 8, 8),))
    assert again is program and report.already_quantized and is_quantized(again)


def test_a_float_program_is_quantized_like_its_module():
    module = randomize(Apply(torch.relu), 0)
    x = torch.randn(1, 3, 8, 8)
    program, _ = quantize_module(torch.export.export(module, (x,)), (x,), [x])
    assert parameters(program) == parameters(quantize_module(module, (x,), [x])[0])


@pytest.mark.parametrize("observer", ["minmax", "histogram"])
def test_the_result_is_the_same_twice(observer):
    first, second = (quantized(InPlace(), observer=observer, bias_correction=True) for _ in range(2))
    assert parameters(first) == parameters(second)
    assert all(torch.equal(first.state_dict[name], second.state_dict[name]) for name in first.state_dict)


def test_an_unknown_observer_is_refused_by_name():
    with pytest.raises(UserInputError, match="'minmax' or 'histogram'"):
        quantized(InPlace(), observer="entropy")


def test_a_channel_without_weights_keeps_its_bias_inside_the_accumulator():
    module = nn.Sequential(nn.Conv2d(3, 4, 1))
    x = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        randomize(module, 0)[0].weight[1] = 0
        module[0].bias[1] = 100.0
        program, _ = quantize_module(module, (x * 1e-4,), [x * 1e-4])
    (scales,) = [value for name, value in program.state_dict.items() if "scale" in name]
    codes = module[0].bias.detach() / (scales * parameters(program)[0][0])
    assert codes.abs().max() <= 2**30 * 1.001
    assert codes.abs()[1] > 2**29


@pytest.mark.parametrize("bias_correction", [False, True])
def test_biases_lie_on_the_grid_of_the_accumulator(bias_correction):
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3, groups=2))
    program = quantized(module, bias_correction=bias_correction)
    constants = {**program.state_dict, **program.constants}
    at = {s.arg.name: s.target for s in program.graph_signature.input_specs}
    found = [node for node in program.graph.nodes if op_name(node) == "conv2d"]
    assert len(found) == 2
    for node in found:
        x, weight, bias = node.args[:3]
        codes = constants[at[bias.name]].double() / (constants[at[weight.args[1].name]].double() * x.args[1])
        assert torch.allclose(codes, codes.round(), atol=1e-3) and codes.abs().max() > 100


def test_bias_correction_brings_the_mean_output_nearer():
    inputs = torch.randn((64, 3, 8, 8), generator=torch.Generator().manual_seed(2))
    module = randomize(nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3)), 3)

    def shift(corrected: bool) -> float:
        program, report = quantize_module(module, (inputs[:1],), [inputs[:32]], rounding="nearest", bias_correction=corrected)
        assert report.bias_corrected == (3 if corrected else 0)
        network = program.module(check_guards=False)
        with torch.no_grad():
            wanted = module(inputs[:32]).mean([0, 2, 3])
            found = torch.cat([network(x[None]) for x in inputs[:32]]).mean([0, 2, 3])
        return float((wanted - found).abs().mean())

    assert shift(True) < 0.5 * shift(False)


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.block = PreNorm()
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        x = self.stem(x)[:, :3]
        return self.head(self.block(x).mean([2, 3]))


def test_nodes_carry_the_models_layer_names():
    names = {op_name(node): layer_name(node) for node in quantized(Named()).graph.nodes if node.op == "call_function"}
    assert names["slice"] == "slice"
    assert names["add"] == "block/add"
    assert names["mean"] == "mean"
    assert names["linear"] == "head"


def test_every_node_has_a_name_after_conversion():
    program = quantized(Named())
    assert all(layer_name(node) for node in program.graph.nodes if node.op == "call_function")
    weights = {layer_name(node) for node in program.graph.nodes if op_name(node) == "dequantize_per_channel"}
    assert weights == {"stem.0", "block.conv", "block.norm", "head"}


def test_a_module_with_several_inputs_and_outputs():
    class Two(nn.Module):
        def forward(self, a, b):
            return a + b, a * b

    examples = (torch.randn(1, 4), torch.randn(1, 4))
    program, report = quantize_module(Two(), examples, [examples])
    assert ops(program).count("q") == 4 and report.float_ops == ()


def test_the_report_names_ops_left_in_float():
    class Head(nn.Module):
        def forward(self, x):
            return torch.cumsum(torch.log1p(torch.relu(x)), 1)

    _, report = quantize_module(Head(), (torch.randn(1, 4),), "random", seed=5)
    assert ("cumsum", "cumsum") in report.float_ops and report.seed == 5


def test_progress_counts_the_items_given():
    told = []
    quantized(Apply(torch.relu), calibration=[torch.randn(2, 3, 8, 8)] * 2, progress=lambda *a: told.append(a))
    assert [(done, total) for stage, done, total in told if stage == "calibrate"] == [(1, 2), (1, 2), (2, 2), (2, 2)]


def test_compensated_rounding_makes_the_output_error_smaller():
    inputs = torch.randn((16, 3, 12, 12), generator=torch.Generator().manual_seed(2)).cumsum(2)
    module = randomize(nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3, groups=16), nn.Conv2d(16, 8, 1)), 3)

    def error(rounding: str) -> float:
        program, _ = quantize_module(module, (inputs[:1],), [inputs], rounding=rounding)
        for node in list(program.graph.nodes):
            # weights alone: activations pass unquantized
            if op_name(node) == "dequantize_per_tensor":
                node.replace_all_uses_with(node.args[0].args[0])
        network = program.module(check_guards=False)
        with torch.no_grad():
            return float((torch.cat([network(x[None]) for x in inputs]) - module(inputs)).square().mean())

    assert error("compensated") < 0.7 * error("nearest")


def test_compensated_weights_lie_on_the_grid_of_the_scales():
    weight = torch.randn((8, 3, 3, 3), generator=torch.Generator().manual_seed(0))
    scale = weight.abs().amax((1, 2, 3)) / 127
    columns = torch.randn((2, 27, 200), generator=torch.Generator().manual_seed(1))
    found = compensated(weight.reshape(8, 27), scale, columns @ columns.transpose(1, 2), -127, 127)
    codes = found / scale[:, None]
    assert torch.allclose(codes, codes.round(), atol=1e-3) and codes.abs().max() < 127.5
    assert (codes - weight.reshape(8, 27) / scale[:, None]).abs().max() < 3
