# SPDX-License-Identifier: Apache-2.0
"""From a quantized program to linalg with marked npu ops: the exact forms, the names, and what is refused."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models import randomize
from models.mobilenet_v2 import MobileNetV2
from models.resnet20 import EXAMPLE, ResNet20
from npuc.dialects.attrs import from_attr
from npuc.errors import ImportFailed, UnsupportedOp
from npuc.frontend.torch import import_torch, signature
from npuc.quantize import quantize_module
from npuc.quantize.names import op_name

torch.set_num_threads(1)


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.function = function

    def forward(self, x):
        return self.function(self.conv(x))


def program_of(module: nn.Module, shape=(1, 3, 8, 8)):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return quantize_module(randomize(module, 0), (x,), [x])[0]


# an operation reads freed memory once its module is gone
ALIVE = []


def body(module) -> list:
    """The operations of `main`."""
    ALIVE.append(module)
    (function,) = [op for op in module.body.operations if op.operation.name == "func.func"]
    return [op.operation for op in function.regions[0].blocks[0].operations]


def kinds(operations) -> list[str]:
    """Names of what computes; a marked function is its kind."""
    skipped = ("arith.constant", "func.return", "tensor.empty", "linalg.fill", "linalg.broadcast", "npu.dequantize_channels")
    return [op.attributes["kind"].value if op.name == "npu.float_op" else op.name for op in operations if op.name not in skipped]


def layer(op) -> str:
    return str(op.location).split('"')[1]


def lowered(function) -> list:
    """What a function after a convolution becomes, without the convolution's own part."""
    operations = body(import_torch(program_of(Apply(function))))
    names = [op.name for op in operations]
    return operations[names.index("linalg.conv_2d_nchw_fchw") + 1 :]


def params(operations, kind: str) -> dict:
    (op,) = [op for op in operations if op.name == "npu.float_op" and op.attributes["kind"].value == kind]
    return from_attr(op.attributes["params"])


Q, DQ = "npu.quantize", "npu.dequantize"

FORMS = {
    "conv and relu6": (F.relu6, ["clamp", Q, DQ]),
    "max_pool": (lambda x: F.max_pool2d(x, 3, 2, 1), [Q, DQ, "tensor.pad", "linalg.pooling_nchw_max", Q, DQ]),
    "mean": (lambda x: x.mean([2, 3]), [Q, DQ, "mean", Q, DQ]),
    "avg_pool": (lambda x: F.avg_pool2d(x, 2), [Q, DQ, "avg_pool2d", Q, DQ]),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, 1), [Q, DQ, "adaptive_avg_pool2d", Q, DQ]),
    "concat": (lambda x: torch.cat([x, F.relu(x)], 1), [Q, DQ, "clamp", Q, DQ, "tensor.concat", Q, DQ]),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), [Q, DQ, "resize_nearest", Q, DQ]),
    "softmax": (lambda x: x.softmax(1), [Q, DQ, "softmax", Q, DQ]),
    "slice": (lambda x: x[:, 2:4], [Q, DQ, "tensor.extract_slice", Q, DQ]),
    "permute": (lambda x: x.permute(0, 2, 3, 1), [Q, DQ, "linalg.transpose", Q, DQ]),
    "pad": (lambda x: F.pad(x, (1, 2)), [Q, DQ, "tensor.pad", Q, DQ]),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_form_of(name):
    function, wanted = FORMS[name]
    assert kinds(lowered(function)) == wanted


UNARY = {
    "gelu": (F.gelu, {}),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), {}),
    "silu": (F.silu, {}),
    "sigmoid": (torch.sigmoid, {}),
    "tanh": (torch.tanh, {}),
    "hardswish": (F.hardswish, {}),
    "hardsigmoid": (F.hardsigmoid, {}),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.125), {"negative_slope": 0.125}),
    "elu": (F.elu, {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}),
    "mish": (F.mish, {}),
    "selu": (F.selu, {}),
    "exp": (torch.exp, {}),
    "mul_scalar": (lambda x: x * 2, {"value": 2.0}),
    "pow_scalar": (lambda x: x**3, {"value": 3.0}),
    "add_scalar": (lambda x: x + 3.0, {"value": 3.0, "alpha": 1.0}),
}


@pytest.mark.parametrize("name", UNARY)
def test_a_unary_function_is_marked_with_its_constants(name):
    function, wanted = UNARY[name]
    operations = lowered(function)
    assert kinds(operations) == [Q, DQ, name, Q, DQ]
    found = params(operations, name)
    assert found == wanted and all(type(value) is float for value in found.values())


CLAMPS = {
    "relu": (F.relu, 0.0, math.inf),
    "relu6": (F.relu6, 0.0, 6.0),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 0.25), -0.5, 0.25),
    "clamp_min": (lambda x: x.clamp(min=-1), -1.0, math.inf),
    "clamp_max": (lambda x: x.clamp(max=2), -math.inf, 2.0),
}


@pytest.mark.parametrize("name", CLAMPS)
def test_every_clamp_has_two_bounds(name):
    function, low, high = CLAMPS[name]
    assert params(lowered(function), "clamp") == {"min": low, "max": high}


def test_pools_carry_what_pytorch_was_given():
    operations = lowered(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
    wanted = {"kernel": [3, 3], "strides": [2, 2], "padding": [1, 1], "ceil_mode": False, "count_include_pad": False}
    assert params(operations, "avg_pool2d") == wanted
    assert params(lowered(lambda x: x.mean([2, 3])), "mean") == {"axes": [2, 3], "keepdim": False}
    assert params(lowered(lambda x: x.softmax(1)), "softmax") == {"axis": 1}


LAYERS = {
    "grouped": (nn.Conv2d(8, 8, 3, groups=4), "linalg.conv_2d_ngchw_gfchw"),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8), "linalg.depthwise_conv_2d_nchw_chw"),
    "linear": (nn.Sequential(nn.Flatten(), nn.Linear(512, 4)), "linalg.matmul"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_weighted_layers_become_named_ops(name):
    module, op = LAYERS[name]
    assert op in kinds(lowered(module))


def test_codes_scales_and_zero_points_are_those_of_the_program():
    program = program_of(Apply(F.relu))
    operations = body(import_torch(program))
    wanted = [node.args[1:3] for node in program.graph.nodes if op_name(node) == "quantize_per_tensor"]
    assert [(op.attributes["scale"].value, op.attributes["zp"].value) for op in operations if op.name == Q] == wanted
    (weight,) = [op for op in operations if op.name == "npu.dequantize_channels"]
    constants = {**program.state_dict, **program.constants}
    assert from_attr(weight.attributes["axis"]) == 0
    assert from_attr(weight.attributes["scales"]) == constants["_scale_0"].tolist()
    codes = np.asarray(weight.operands[0].owner.attributes["value"])
    assert np.array_equal(codes, constants["_frozen_param0"].numpy())


def test_layer_names_are_the_locations_in_linalg():
    operations = body(import_torch(program_of(ResNet20(), EXAMPLE)))
    convolutions = [layer(op) for op in operations if op.name == "linalg.conv_2d_nchw_fchw"]
    blocks = [f"layer{s}.{b}.conv{c}" for s in (1, 2, 3) for b in (0, 1, 2) for c in (1, 2)]
    assert convolutions == ["conv1", *blocks]
    assert [layer(op) for op in operations if op.name == "linalg.matmul"] == ["linear"]
    sums = [layer(op) for op in operations if op.name == "linalg.generic"][:-1]
    assert sums == [f"layer{s}.{b}/add" for s in (1, 2, 3) for b in (0, 1, 2)]


def test_no_location_names_a_file():
    text = import_torch(program_of(ResNet20(), EXAMPLE)).operation.get_asm(enable_debug_info=True, large_elements_limit=4)
    assert ".py" not in text and "torch." not in text


def test_mobilenet_v2_is_linalg_and_marked_ops_alone():
    operations = body(import_torch(program_of(MobileNetV2(10), (1, 3, 64, 64))))
    names = kinds(operations)
    assert names.count("linalg.conv_2d_nchw_fchw") == 35 and names.count("linalg.depthwise_conv_2d_nchw_chw") == 17
    assert {op.name.split(".")[0] for op in operations} <= {"arith", "func", "linalg", "npu", "tensor"}


def test_the_import_is_the_same_twice():
    program = program_of(ResNet20(), EXAMPLE)
    first, second = (import_torch(program).operation.get_asm(enable_debug_info=True) for _ in range(2))
    assert first == second


def uint8_program():
    """A convolution-free program quantized to uint8 codes, as other quantizers make them."""
    quantized = torch.ops.quantized_decomposed

    class Twice(nn.Module):
        def forward(self, x):
            x = quantized.dequantize_per_tensor(
                quantized.quantize_per_tensor(x, 0.5, 130, 0, 255, torch.uint8), 0.5, 130, 0, 255, torch.uint8
            )
            y = torch.tanh(x)
            return quantized.dequantize_per_tensor(
                quantized.quantize_per_tensor(y, 0.25, 3, -4, 11, torch.int8), 0.25, 3, -4, 11, torch.int8
            )

    return torch.export.export(Twice(), (torch.randn(1, 4),))


def test_uint8_codes_become_signed_and_narrow_ranges_stay():
    operations = body(import_torch(uint8_program()))
    assert kinds(operations) == [Q, DQ, "tanh", Q, DQ]
    assert [op.attributes["zp"].value for op in operations if op.name in (Q, DQ)] == [2, 2, 3, 3]
    assert [(op.attributes["lo"].value, op.attributes["hi"].value) for op in operations if op.name == Q] == [(-128, 127), (-4, 11)]


def test_the_signature_is_the_modules():
    class Two(nn.Module):
        def forward(self, image, mask):
            return {"sum": image + mask, "product": image * mask}

    examples = (torch.randn(1, 4), torch.randn(1, 4))
    found = signature(quantize_module(Two(), examples, [examples])[0])
    assert [(spec.name, spec.shape, spec.dtype) for spec in found.inputs] == [("image", (1, 4), "float32"), ("mask", (1, 4), "float32")]
    rebuilt = torch.utils._pytree.tree_unflatten([1, 2], found.out_spec)
    assert rebuilt == {"sum": 1, "product": 2}


def test_a_dynamic_shape_is_refused():
    program = torch.export.export(nn.Linear(4, 2), (torch.randn(2, 4),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    with pytest.raises(ImportFailed, match="dynamic shape"):
        import_torch(program)


def test_an_op_that_torch_mlir_cannot_lower_is_named_with_its_layer():
    class Sorted(nn.Module):
        def forward(self, x):
            return torch.linalg.qr(x)[0]

    with pytest.raises((UnsupportedOp, ImportFailed)):
        import_torch(torch.export.export(Sorted(), (torch.randn(4, 4),)))


def test_npuc_alone_does_not_import_torch():
    code = "import sys, npuc, npuc.dialects, npuc.errors; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
