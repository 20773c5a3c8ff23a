# SPDX-License-Identifier: Apache-2.0
"""From a torch module to bytes that run, op by op: the program computes the codes of the PT2E-converted module."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils import _pytree

import npuc
from models import randomize
from models.exact import Exact
from npuc.errors import ImportFailed, NpucError, UnsupportedOp
from npuc.quantize.names import op_name

torch.set_num_threads(1)


class Branches(nn.Module):
    """A convolution, and every function of its result as an output of its own: one compilation tests them all."""

    def __init__(self, functions: dict):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layers = nn.ModuleDict({name: f for name, f in functions.items() if isinstance(f, nn.Module)})
        self.functions = {name: f for name, f in functions.items() if not isinstance(f, nn.Module)}

    def forward(self, x):
        y = self.stem(x)
        return {name: f(y) for name, f in [*self.layers.items(), *self.functions.items()]}


class Call(nn.Module):
    """One function of the inputs themselves; `layers` come first among its arguments."""

    def __init__(self, function, *layers: nn.Module):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, *inputs):
        return self.function(*self.layers, *inputs)


def samples(*shapes, count: int = 4) -> list[tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(5)
    return [tuple(torch.randn(shape, generator=generator) for shape in shapes) for _ in range(count)]


def differences(compiled, data) -> dict[str, str]:
    """Outputs that are not what the PT2E-converted module gives: more than a step apart, or over 1 % of other codes."""
    program = compiled.quantized
    network = program.module(check_guards=False)
    results = next(node for node in program.graph.nodes if node.op == "output").args[0]
    found = {}
    for inputs in data:
        with torch.no_grad():
            ours, theirs = compiled(*inputs), network(*inputs)
        paths = [_pytree.keystr(path) for path, _ in _pytree.tree_flatten_with_path(theirs)[0]]
        assert _pytree.tree_structure(ours) == _pytree.tree_structure(theirs)
        for path, node, a, b in zip(paths, results, _pytree.tree_leaves(ours), _pytree.tree_leaves(theirs), strict=True):
            step = node.args[1] if op_name(node) == "dequantize_per_tensor" else 0.0
            if a.shape != b.shape or a.dtype != b.dtype:
                found[path] = f"{a.dtype} {list(a.shape)}, not {b.dtype} {list(b.shape)}"
            elif (a - b).abs().max() > 1.001 * step or (a != b).float().mean() > 0.01:
                found[path] = f"{(a - b).abs().max() / (step or 1):.2f} steps apart, {100 * (a != b).float().mean():.1f} % differ"
    return found


def checked(module: nn.Module, *shapes, seed: int = 3):
    """Compiles with every pass validated, and compares."""
    data = samples(*shapes)
    compiled = npuc.compile(randomize(module, seed), data[0], calibration=data, validate=True)
    assert differences(compiled, data) == {}
    return compiled


class With(nn.Module):
    """A function of the input and a parameter."""

    def __init__(self, function, *shape: int):
        super().__init__()
        self.function = function
        self.value = nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(7)))

    def forward(self, x):
        return self.function(x, self.value)


class Slopes(nn.PReLU):
    def __init__(self, *slopes: float):
        super().__init__(len(slopes))
        self.weight.data = torch.tensor(slopes)


class Excitation(nn.Module):
    """Squeeze and excitation (Hu et al. 2018)."""

    def __init__(self, gate):
        super().__init__()
        self.down, self.up, self.gate = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1), gate

    def forward(self, x):
        return x * self.gate(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))


def shuffled(x):
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def focused(x):
    return torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)


GROUPS = {
    "convolutions": {
        "1x1": nn.Conv2d(8, 16, 1),
        "1x1 stride 2": nn.Conv2d(8, 5, 1, 2),
        "3x3": nn.Conv2d(8, 16, 3, padding=1),
        "3x3 stride 2": nn.Conv2d(8, 16, 3, 2, 1),
        "5x5": nn.Conv2d(8, 4, 5, padding=2),
        "7x7 stride 2": nn.Conv2d(8, 4, 7, 2, 3),
        "dilated": nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        "without bias": nn.Conv2d(8, 8, 3, bias=False),
        "one side longer": nn.Conv2d(8, 5, (1, 5), (2, 1), (0, 2)),
        "rows that the stride never reaches": nn.Conv2d(8, 5, 2, 3),
    },
    "padding": {
        "same, even kernel": nn.Conv2d(8, 8, 4, padding="same"),
        "same, odd kernel": nn.Conv2d(8, 8, 3, padding="same"),
        "valid": nn.Conv2d(8, 8, 3, padding="valid"),
        "padding beyond the kernel": nn.Conv2d(8, 5, (1, 3), padding=(2, 1)),
        "right and bottom alone": nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(8, 5, 3, 2)),
    },
    "groups": {
        "grouped": nn.Conv2d(8, 16, 3, padding=1, groups=4),
        "grouped stride 2": nn.Conv2d(8, 8, 3, 2, groups=2),
        "depthwise": nn.Conv2d(8, 8, 3, padding=1, groups=8),
        "depthwise stride 2": nn.Conv2d(8, 8, 5, 2, 2, groups=8, bias=False),
        "depthwise with multiplier": nn.Conv2d(8, 24, 3, padding=1, groups=8),
        "batch norm of its own": nn.Sequential(nn.MaxPool2d(2), nn.BatchNorm2d(8)),
    },
    "transposed convolutions": {
        "kernel 2 stride 2": nn.ConvTranspose2d(8, 4, 2, 2),
        "kernel 3 stride 2": nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1),
        "kernel 4 stride 2, relu": nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ReLU()),
        "stride 1": nn.ConvTranspose2d(8, 4, 3, 1, 1, bias=False),
        "sides of their own, dilated": nn.ConvTranspose2d(8, 4, 3, (3, 2), (0, 1), dilation=(1, 2)),
        "stride beyond the kernel": nn.ConvTranspose2d(8, 4, 2, 3, output_padding=1),
        "rows beyond a kernel of 1": nn.ConvTranspose2d(8, 4, 1, 3, output_padding=(2, 1)),
        "a kernel of 1": nn.ConvTranspose2d(8, 4, 1, dilation=2),
        "borders that are cut off": nn.ConvTranspose2d(8, 4, (1, 3), (1, 2), (0, 3)),
        "grouped": nn.ConvTranspose2d(8, 8, 3, 2, groups=2),
        "depthwise": nn.ConvTranspose2d(8, 16, 3, 2, 1, groups=8),
    },
    "matrices": {
        "linear over the last dimension": nn.Linear(8, 6),
        "linear behind flatten": nn.Sequential(nn.Flatten(), nn.Linear(512, 10), nn.ReLU()),
        "tokens": lambda x: x.flatten(2).transpose(1, 2),
        "product with its transpose": lambda x: x @ x.transpose(2, 3),
        "constant on the right": With(lambda x, p: x @ p, 8, 6),
        "constant on the left": With(lambda x, p: p @ x, 6, 8),
        "attention by hand": lambda x: (x @ x.transpose(2, 3)).softmax(-1) @ x,
    },
    "elementwise": {
        "excitation, sigmoid": Excitation(nn.Sigmoid()),
        "excitation, hardsigmoid": Excitation(nn.Hardsigmoid()),
        "channel factors": With(lambda x, p: x * p, 8, 1, 1),
        "channel offsets": With(lambda x, p: p - x, 1, 8, 1, 1),
        "positions": With(lambda x, p: x + p, 1, 8, 8, 8),
        "residual": lambda x: F.relu(x) + x,
        "difference": lambda x: x - torch.sigmoid(x),
        "alpha": lambda x: torch.add(x, torch.tanh(x), alpha=2),
        "gate": lambda x: x[:, :4] * torch.sigmoid(x[:, 4:]),
    },
    "numbers": {
        "x + c": lambda x: x + 0.5,
        "x - c": lambda x: x - 0.5,
        "x * c": lambda x: x * 0.5,
        "x / c": lambda x: x / 3,
        "c - x": lambda x: 1 - x,
        "1 / x": lambda x: 1 / (x.abs() + 1),
        "-x": lambda x: -x,
        "x ** 2": lambda x: x**2,
        "affine": lambda x: (x * 0.5 + 0.25) * 2 - 1,
        "hardswish by hand": lambda x: x * F.relu6(x + 3) / 6,
    },
    "functions": {
        "hardswish": F.hardswish,
        "silu": F.silu,
        "gelu": F.gelu,
        "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "elu": F.elu,
        "leaky_relu": F.leaky_relu,
        "hardsigmoid": F.hardsigmoid,
        "mish": F.mish,
        "softplus": F.softplus,
        "exp": torch.exp,
    },
    "more functions": {
        "selu": F.selu,
        "logsigmoid": F.logsigmoid,
        "hardshrink": F.hardshrink,
        "softshrink": F.softshrink,
        "tanhshrink": F.tanhshrink,
        "threshold": lambda x: F.threshold(x, 0.1, 0.0),
        "log": lambda x: torch.log(x.abs() + 1),
        "rsqrt": lambda x: torch.rsqrt(x.abs() + 1),
        "sign": torch.sign,
        "floor": torch.floor,
        "prelu, one slope": nn.PReLU(),
        "prelu, a slope a channel": Slopes(0.1, 0.2, -0.3, 0.0, 0.5, 1.0, 1.5, 0.05),
        "prelu behind a linear layer": nn.Sequential(nn.Flatten(), nn.Linear(512, 4), Slopes(0.1, -0.2, 0.0, 1.5)),
        "prelu of rows": nn.Sequential(nn.Flatten(2), Slopes(0.1, 0.2, -0.3, 0.0, 0.5, 1.0, 1.5, 0.05)),
    },
    "clamps": {
        "relu": F.relu,
        "relu6": F.relu6,
        "both bounds": lambda x: x.clamp(-0.5, 0.25),
        "below": lambda x: x.clamp(min=-0.1),
        "before a pool": lambda x: F.max_pool2d(F.relu(x), 2),
        "after a pool": lambda x: F.relu(F.max_pool2d(x, 2)),
    },
    "maxima": {
        "2": lambda x: F.max_pool2d(x, 2),
        "3 stride 2 padding 1": lambda x: F.max_pool2d(x, 3, 2, 1),
        "ceil_mode": lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
        "one side": lambda x: F.max_pool2d(x, (3, 1), (1, 2)),
        "of everything": lambda x: x.amax((2, 3)),
    },
    "averages": {
        "2": lambda x: F.avg_pool2d(x, 2),
        "padding counts": lambda x: F.avg_pool2d(x, 3, 2, 1),
        "padding does not count": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        "ceil_mode that changes nothing": lambda x: F.avg_pool2d(x, 2, 2, ceil_mode=True),
        "divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
        "adaptive 1": lambda x: F.adaptive_avg_pool2d(x, 1),
        "adaptive 2 by 4": lambda x: F.adaptive_avg_pool2d(x, (2, 4)),
        "adaptive, one side kept": lambda x: F.adaptive_avg_pool2d(x, (None, 1)),
    },
    "means": {
        "height and width": lambda x: x.mean((2, 3)),
        "channels": lambda x: x.mean(1),
        "channels kept": lambda x: x.mean(1, keepdim=True),
        "the last": lambda x: x.mean(-1),
        "two that are not neighbours": lambda x: x.mean((1, 3)),
        "sum": lambda x: x.sum((2, 3)),
    },
    "joins": {
        "concat": lambda x: torch.cat([x, F.relu(x)], 1),
        "concat of other scales": lambda x: torch.cat([x, 5 * x, torch.sigmoid(x)], 1),
        "concat with itself": lambda x: torch.cat([x, x], 3),
        "concat with a constant": With(lambda x, p: torch.cat([p, x], 2), 1, 8, 2, 8),
        "concat of many": lambda x: torch.cat([x[:, :1]] * 40, 1),
        "stack": lambda x: torch.stack([x, F.relu(x)], 1),
        "expand": lambda x: x[:, :1].expand(1, 4, 8, 8) + 1,
        "pad": lambda x: F.pad(x, (1, 2, 0, 1)),
        "pad with a number": lambda x: F.pad(x, (1, 2, 0, 1), value=0.3),
        "pad channels": lambda x: F.pad(x, (0, 0, 0, 0, 2, 2)),
        "pad by reflection": lambda x: F.pad(x, (1, 2, 0, 3), mode="reflect"),
        "pad by the border": lambda x: F.pad(x, (2, 0, 1, 1), mode="replicate"),
        "pad by less than nothing": lambda x: F.pad(x, (-1, 1, 0, -2)),
    },
    "shapes": {
        "reshape": lambda x: x.reshape(1, 4, 2, 64),
        "flatten": lambda x: x.flatten(1),
        "permute": lambda x: x.permute(0, 2, 3, 1),
        "transpose": lambda x: x.transpose(1, 3),
        "channel shuffle": shuffled,
        "pixel shuffle": lambda x: F.pixel_shuffle(x, 2),
        "pixel unshuffle": lambda x: F.pixel_unshuffle(x, 2),
        "squeeze": lambda x: x[:, :1].squeeze(1),
    },
    "parts": {
        "slice": lambda x: x[:, 2:6, ::2, 1:],
        "chunk": lambda x: x.chunk(2, 1)[1],
        "split and joined": lambda x: torch.cat(x.split([3, 5], 1)[::-1], 1),
        "halves added": lambda x: torch.add(*x.chunk(2, 1)),
        "select": lambda x: x[:, 2],
        "space to depth": focused,
        "roll": lambda x: x.roll(2, 3),
    },
    "resizes": {
        "twice": lambda x: F.interpolate(x, scale_factor=2),
        "by 3/2 and 5/4": lambda x: F.interpolate(x, size=(12, 10)),
        "down": lambda x: F.interpolate(x, size=(3, 5)),
        "module": nn.Upsample(scale_factor=(1, 3)),
    },
    "softmax": {
        "channels": lambda x: x.softmax(1),
        "the last dimension": lambda x: x.softmax(-1),
        "behind a head": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5), nn.Softmax(1)),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_a_program_gives_the_codes_of_the_pt2e_model(name):
    checked(Branches({key.replace(".", " "): function for key, function in GROUPS[name].items()}), (1, 3, 8, 8))


SINGLE = {
    "odd extents": (Call(lambda a, b, x: b(F.relu(a(x))), nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 5, 3, 2)), [(1, 3, 13, 9)]),
    "batch": (Call(lambda a, b, x: b(F.max_pool2d(F.relu(a(x)), 2).mean([2, 3])), nn.Conv2d(3, 8, 3), nn.Linear(8, 4)), [(3, 3, 8, 8)]),
    "batch, depthwise": (Call(lambda m, x: F.avg_pool2d(m(x), 2), nn.Conv2d(4, 4, 3, padding=1, groups=4)), [(2, 4, 8, 8)]),
    "linear": (Call(lambda a, b, x: b(F.relu(a(x))), nn.Linear(20, 8), nn.Linear(8, 3, bias=False)), [(3, 20)]),
    "linear of sequences": (Call(lambda m, x: F.relu(m(x)), nn.Linear(20, 8)), [(2, 5, 20)]),
    "linear of a vector": (Call(lambda m, x: m(x), nn.Linear(20, 8)), [(20,)]),
    "relu alone": (Call(F.relu), [(1, 6, 20)]),
    "conv1d": (Call(lambda m, x: F.relu(m(x)), nn.Conv1d(6, 8, 3, padding=1)), [(1, 6, 20)]),
    "conv1d, groups and stride": (Call(lambda m, x: m(x), nn.Conv1d(6, 12, 3, 2, groups=3)), [(2, 6, 20)]),
    "conv1d, depthwise": (Call(lambda m, x: m(x), nn.Conv1d(6, 6, 4, padding="same", groups=6)), [(1, 6, 20)]),
    "conv_transpose1d": (Call(lambda m, x: m(x), nn.ConvTranspose1d(6, 4, 3, 2)), [(1, 6, 20)]),
    "pads of one dimension": (Call(lambda m, x: m(F.pad(F.pad(x, (1, 1), mode="reflect"), (0, 2), mode="replicate")), nn.Conv1d(6, 4, 3)), [(1, 6, 20)]),
    "pools of one dimension": (Call(lambda x: (F.max_pool1d(x, 2), F.avg_pool1d(x, 3))), [(1, 6, 20)]),
    "batch matmul": (Call(torch.bmm), [(2, 4, 6), (2, 6, 5)]),
    "matmul with one matrix for all": (Call(torch.matmul), [(2, 4, 6), (6, 5)]),
    "einsum": (Call(lambda a, b: torch.einsum("bij,bkj->bik", a, b)), [(2, 4, 6), (2, 5, 6)]),
    "two inputs": (Call(lambda a, b: {"sum": a + b, "product": a * b, "difference": a - b}), [(1, 4, 6), (1, 4, 6)]),
    "both sides are repeated": (Call(torch.add), [(1, 3, 1, 8), (1, 1, 4, 8)]),
    "another rank": (Call(torch.mul), [(1, 3, 8, 8), (8, 8)]),
    "an input with two readers": (Call(lambda a, b, x: a(x) + b(x), nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 1)), [(1, 3, 8, 8)]),
    "an input that is an output": (Call(lambda m, x: (x, m(x)), nn.Conv2d(3, 8, 1)), [(1, 3, 8, 8)]),
    "an output twice": (Call(lambda m, x: [m(x)] * 2, nn.Conv2d(3, 8, 1)), [(1, 3, 8, 8)]),
    "self-attention": (Call(lambda m, x: m(x, x, x)[0], nn.MultiheadAttention(8, 2, batch_first=True)), [(1, 5, 8)]),
    "argmax": (Call(lambda m, x: m(x.mean([2, 3])).argmax(1), nn.Linear(8, 5)), [(1, 8, 4, 4)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_a_module_of_its_own_gives_the_codes_of_the_pt2e_model(name):
    module, shapes = SINGLE[name]
    checked(module, *shapes)


def test_a_float_head_runs_on_the_host():
    data = samples((1, 8, 4, 4))
    module = randomize(Call(lambda m, x: m(x.mean([2, 3])).log_softmax(-1), nn.Linear(8, 5)), 3)
    compiled = npuc.compile(module, data[0], calibration=data, validate=True)
    network = compiled.quantized.module(check_guards=False)
    for inputs in data:
        torch.testing.assert_close(compiled(*inputs), network(*inputs))


# what is refused -----------------------------------------------------------------------------------


class Middle(nn.Module):
    """A layer between two that the NPU takes."""

    def __init__(self, layer):
        super().__init__()
        self.before, self.layer, self.after = nn.Conv2d(3, 8, 1), layer, nn.Conv2d(8, 4, 1)

    def forward(self, x):
        return self.after(self.layer(self.before(x)))


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


REFUSED = {
    "sort": (Function(lambda x: x.sort(-1)[0]), "layer/sort", "one integer form for all positions", "split the model"),
    "dilated pool": (nn.MaxPool2d(2, 1, dilation=2), "layer", "neighbouring positions", "use dilation=1"),
    "ceil_mode": (nn.AvgPool2d(3, 2, ceil_mode=True), "layer", "inside the padded image", "ceil_mode=False"),
    "adaptive": (nn.AdaptiveAvgPool2d(3), "layer", "windows of one size", "another output size"),
}  # fmt: skip


ON_HOST = {
    "group_norm": nn.GroupNorm(2, 8), "layer_norm": nn.LayerNorm([8, 8, 8]), "instance_norm": nn.InstanceNorm2d(8), "rms_norm": nn.RMSNorm(8),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"), "atan": Function(torch.atan), "flip": Function(lambda x: x.flip(2)),
    "a list of channels": Function(lambda x: x[:, [0, 2, 1, 7, 6, 5, 4, 3]]),
    "divide": Function(lambda x: x / (x.abs() + 1)), "maximum": Function(lambda x: torch.maximum(x, -x)),
    "norm": Function(lambda x: x / x.norm(dim=1, keepdim=True)), "max of a dimension": Function(lambda x: x * x.max(1, keepdim=True)[0]),
    "standard deviation": Function(lambda x: x / x.std()), "where": Function(lambda x: torch.where(x > x.mean(), x, x * x)),
    "attention": Function(lambda x: F.scaled_dot_product_attention(x, x, x)), "mean of everything": Function(lambda x: x * x.mean()),
}  # fmt: skip


@pytest.mark.parametrize("name", ON_HOST)
def test_a_float_layer_in_the_middle_runs_on_the_host(name):
    """As the PT2E model, but where one rounds the other way: torch adds up in another order."""
    data = samples((1, 3, 8, 8))
    compiled = npuc.compile(randomize(Middle(ON_HOST[name]), 0), data[0], calibration=data, validate=True)
    assert len(compiled.program.segments) >= 5
    assert any(op.is_fallback and op.op.startswith(("float", "gather", "mean")) for op in compiled.profile().host_ops)
    network = compiled.quantized.module(check_guards=False)
    for inputs in data:
        expected = network(*inputs)
        torch.testing.assert_close(compiled(*inputs), expected, rtol=0, atol=0.05 * expected.abs().max().item())


def test_an_output_may_be_a_list_of_positions():
    data = samples((1, 3, 8, 8))
    module = randomize(Call(lambda m, x: m(x)[:, [2, 0]], nn.Conv2d(3, 4, 1)), 3)
    compiled = npuc.compile(module, data[0], calibration=data, validate=True)
    assert differences(compiled, data) == {}


def test_a_float_mean_of_everything_may_be_an_output():
    data = samples((1, 3, 8, 8))
    module = randomize(Call(lambda m, x: m(x).mean(), nn.Conv2d(3, 8, 1)), 3)
    compiled = npuc.compile(module, data[0], calibration=data, validate=True)
    assert compiled(*data[0]).shape == ()


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_without_a_form_is_refused_by_name_rule_and_advice(name):
    layer, where, rule, advice = REFUSED[name]
    with pytest.raises(UnsupportedOp) as caught:
        npuc.compile(randomize(Middle(layer), 0), torch.randn(1, 3, 8, 8), calibration=[torch.randn(1, 3, 8, 8)])
    error = caught.value
    assert error.layer == where and rule in error.rule and advice in error.advice
    assert error.found and error.wanted and f"layer '{where}'" in error.message


def refusal(module: nn.Module, *shapes) -> NpucError:
    data = samples(*shapes, count=1)
    with pytest.raises(NpucError) as caught:
        npuc.compile(module.eval(), data[0], calibration=data)
    return caught.value


def test_convolutions_of_three_dimensions_are_refused():
    error = refusal(nn.Sequential(nn.Conv3d(3, 4, 3), nn.ReLU()), (1, 3, 5, 5, 5))
    assert isinstance(error, UnsupportedOp) and error.layer == "0" and error.rule == "convolutions have one or two spatial dimensions"


def test_recurrent_layers_run_with_their_float_steps_on_the_host():
    data = samples((5, 1, 6))
    compiled = npuc.compile(randomize(Call(lambda m, x: m(x)[0], nn.LSTM(6, 4)), 3), data[0], calibration=data, validate=True)
    network = compiled.quantized.module(check_guards=False)
    for inputs in data:
        torch.testing.assert_close(compiled(*inputs), network(*inputs), rtol=0, atol=0.02)


def test_an_op_that_torch_mlir_cannot_lower_is_refused_in_our_words():
    error = refusal(Call(torch.matmul), (2, 4, 6), (6,))
    assert isinstance(error, UnsupportedOp) and error.layer == "matmul" and error.message == "layer 'matmul' cannot be lowered"


def test_a_dynamic_shape_is_refused():
    error = refusal(Call(lambda x: x.nonzero()), (3, 4))
    assert isinstance(error, ImportFailed) and "dynamic shape" in error.message


# programs that other quantizers made ---------------------------------------------------------------


class Foreign(nn.Module):
    """What quantizers leave open: clamps they do not know, pools and reshapes without parameters of their own."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.second, self.third = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 16, 1)
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu6(self.norm(self.first(x)))
        x = F.hardswish(self.third(F.relu6(self.second(x))))
        x = F.max_pool2d(x + F.relu(x), 2)
        return self.last(F.max_pool2d(x, 2).flatten(1))


def test_a_program_of_another_quantizer_compiles():
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    data = samples((1, 3, 16, 16))
    with warnings.catch_warnings(), torch.no_grad():
        # torchao warns about its own internals
        warnings.simplefilter("ignore")
        xnnpack = pytest.importorskip("torchao.testing.pt2e._xnnpack_quantizer")
        quantizer = xnnpack.XNNPACKQuantizer().set_global(xnnpack.get_symmetric_quantization_config(is_per_channel=True))
        graph = torch.export.export(randomize(Foreign(), 0), data[0]).module(check_guards=False)
        prepared = prepare_pt2e(graph, quantizer)
        for inputs in data:
            prepared(*inputs)
        program = torch.export.export(convert_pt2e(prepared), data[0])
    compiled = npuc.compile(program, validate=True)
    exact = Exact(program)
    for inputs in data:
        assert torch.equal(compiled(*inputs), exact(*inputs).float())


quantized = torch.ops.quantized_decomposed


class Sparse(nn.Module):
    """Quantized at the ends alone: relu, pool and flatten stand in float between."""

    def forward(self, x):
        codes = quantized.quantize_per_tensor(x, 0.05, 3, -128, 127, torch.int8)
        y = quantized.dequantize_per_tensor(codes, 0.05, 3, -128, 127, torch.int8)
        y = F.max_pool2d(F.relu(y * 0.5 + 1), 2).flatten(1)
        codes = quantized.quantize_per_tensor(y, 0.02, -100, -128, 127, torch.int8)
        return quantized.dequantize_per_tensor(codes, 0.02, -100, -128, 127, torch.int8)


def test_float_ops_between_two_quantizes_become_one_table():
    x = torch.randn(1, 4, 6, 6)
    compiled = npuc.compile(torch.export.export(Sparse(), (x,)), validate=True)
    assert torch.equal(compiled(x), Sparse()(x))
    assert [layer.op for layer in compiled.program.layers if layer.device == "npu"].count("table") == 1
