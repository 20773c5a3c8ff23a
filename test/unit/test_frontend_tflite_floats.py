# SPDX-License-Identifier: Apache-2.0
"""Operators of float32 in a .tflite file run on the host: LiteRT's bits, or a few units in the last place where its order of additions is its own."""

import numpy as np
import pytest

import npuc
from npuc.errors import UnsupportedOp

pytest.importorskip("tflite")
pytest.importorskip("ai_edge_litert")

from npuc.frontend.tflite._floats import CONVERTERS
from samples.tflite_files import Op, Oracle, Tensor, network

# exponentials, and what adds many values up
CLOSE = {
    "BATCH_MATMUL", "COS", "ELU", "EXP", "FULLY_CONNECTED", "GELU", "HARD_SWISH", "LOG", "LOGISTIC", "LOG_SOFTMAX", "MEAN", "POW", "REDUCE_PROD", "RSQRT",
    "SIN", "SOFTMAX", "SUM", "TANH",
}  # fmt: skip
# the reference resolver does not have these
OPTIMIZED = {"CEIL", "ELU", "ROUND"}
UNARY = {
    "ABS": "AbsOptions", "CEIL": "", "COS": "CosOptions", "ELU": "", "EXP": "ExpOptions", "FLOOR": "", "GELU": "GeluOptions", "HARD_SWISH": "HardSwishOptions",
    "LEAKY_RELU": "LeakyReluOptions", "LOG": "", "LOGISTIC": "", "LOG_SOFTMAX": "LogSoftmaxOptions", "NEG": "NegOptions", "RELU": "", "RELU6": "",
    "RELU_N1_TO_1": "", "ROUND": "", "RSQRT": "", "SIN": "", "SOFTMAX": "SoftmaxOptions", "SQRT": "", "SQUARE": "SquareOptions", "TANH": "",
}  # fmt: skip
BINARY = {
    "ADD": "AddOptions", "DIV": "DivOptions", "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions", "MUL": "MulOptions", "POW": "PowOptions",
    "SQUARED_DIFFERENCE": "SquaredDifferenceOptions", "SUB": "SubOptions",
}  # fmt: skip
REDUCTIONS = {"MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"}
POSITIVE = {"LOG", "RSQRT", "SQRT", "POW", "DIV"}


def real(*shape: int) -> Tensor:
    return Tensor(shape, "FLOAT32")


def one(kind: str, rng: np.random.Generator) -> bytes:
    """A network of one operator of random shape."""
    shape = tuple(int(extent) for extent in rng.integers(1, 7, 3))
    if kind in UNARY:
        options_of = {"LEAKY_RELU": {"Alpha": 0.3}, "SOFTMAX": {"Beta": float(rng.choice([0.5, 1.0]))}, "GELU": {"Approximate": bool(rng.integers(2))}}
        fields = options_of.get(kind, {})
        inputs, output, options = (real(*shape),), real(*shape), UNARY[kind]
    elif kind in BINARY:
        fields = {"FusedActivationFunction": int(rng.integers(4))} if kind in ("ADD", "DIV", "MUL", "SUB") else {}
        inputs, output, options = (real(*shape), real(*shape[1:])), real(*shape), BINARY[kind]
    elif kind in REDUCTIONS:
        keep, axes = bool(rng.integers(2)), sorted(rng.choice(3, 2, replace=False).tolist())
        rest = [1 if axis in axes else extent for axis, extent in enumerate(shape) if keep or axis not in axes]
        inputs, output, options, fields = (real(*shape), Tensor.constant(axes, "INT32")), real(*rest), "ReducerOptions", {"KeepDims": keep}
    elif kind == "FULLY_CONNECTED":
        bias = Tensor.constant(rng.normal(size=5), "FLOAT32") if rng.integers(2) else None
        inputs = (real(2, shape[2]), Tensor.constant(rng.normal(size=(5, shape[2])), "FLOAT32"), bias)
        output, options, fields = real(2, 5), "FullyConnectedOptions", {"FusedActivationFunction": int(rng.integers(4))}
    else:
        turned = bool(rng.integers(2)), bool(rng.integers(2))
        sides = ((shape[0], 4, 3), (shape[0], 3, 5))
        inputs = tuple(real(n, *(ends[::-1] if flag else ends)) for flag, (n, *ends) in zip(turned, sides, strict=True))
        output, options, fields = real(shape[0], 4, 5), "BatchMatMulOptions", {"AdjX": turned[0], "AdjY": turned[1]}
    free = [tensor for tensor in inputs if tensor is not None and tensor.value is None]
    return network([Op(kind, inputs, (output,), options, fields)], free, [output])


def inputs_of(oracle: Oracle, positive: bool, rng: np.random.Generator) -> list[np.ndarray]:
    arrays = [rng.uniform(-4, 4, shape).astype(np.float32) for shape, _ in oracle.inputs]
    return [np.abs(array) + np.float32(0.1) for array in arrays] if positive else arrays


@pytest.mark.parametrize("kind", sorted(CONVERTERS))
def test_an_operator_on_real_values_equals_litert(kind, tmp_path):
    path = tmp_path / "net.tflite"
    for seed in range(4):
        rng = np.random.default_rng([seed, *kind.encode()])
        path.write_bytes(one(kind, rng))
        oracle = Oracle(path.read_bytes(), resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES" if kind in OPTIMIZED else "BUILTIN_REF")
        inputs = inputs_of(oracle, kind in POSITIVE, rng)
        found, (wanted,) = npuc.compile(path).run(*inputs), oracle.run(*inputs)
        assert found.shape == wanted.shape and found.dtype == wanted.dtype
        if kind in CLOSE:
            np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)
        else:
            np.testing.assert_array_equal(found, wanted)


def test_pixels_are_scaled_in_float_before_the_network_and_probabilities_after_it(tmp_path):
    """As Keras exports a Rescaling layer in front, and a softmax that was left in float behind."""
    x, half, scaled, codes = real(1, 4, 4, 3), real(1, 4, 4, 3), real(1, 4, 4, 3), Tensor((1, 4, 4, 3), "INT8", 0.01, 3)
    flat, logits, reals, y = Tensor((1, 48), "INT8", 0.01, 3), Tensor((1, 5), "INT8", 0.1, -4), real(1, 5), real(1, 5)
    weights = Tensor.constant(np.random.default_rng(1).integers(-127, 128, (5, 48)), "INT8", 0.01)
    ops = [
        Op("MUL", (x, Tensor.constant(np.float32(1 / 127.5), "FLOAT32")), (half,), "MulOptions"),
        Op("SUB", (half, Tensor.constant(np.float32(1), "FLOAT32")), (scaled,), "SubOptions"),
        Op("QUANTIZE", (scaled,), (codes,), "QuantizeOptions"),
        Op("RESHAPE", (codes, Tensor.constant([1, 48], "INT32")), (flat,), "ReshapeOptions"),
        Op("FULLY_CONNECTED", (flat, weights, None), (logits,), "FullyConnectedOptions", {}, 4),
        Op("DEQUANTIZE", (logits,), (reals,), "DequantizeOptions", {}, 2),
        Op("SOFTMAX", (reals,), (y,), "SoftmaxOptions", {"Beta": 1.0}),
    ]
    path = tmp_path / "net.tflite"
    path.write_bytes(network(ops, [x], [y]))
    pixels = np.random.default_rng(2).integers(0, 256, (1, 4, 4, 3)).astype(np.float32)
    compiled = npuc.compile(path, validate=True)
    np.testing.assert_allclose(compiled.run(pixels), Oracle(path.read_bytes()).run(pixels)[0], rtol=1e-6)
    assert [op.op for op in compiled.profile().host_ops] == ["float_binary", "float_binary", "quantize", "reshape", "dequantize", "float_softmax"]


FULLY_CONNECTED = ("FULLY_CONNECTED", (1, 4), (2, 4), (1, 2), "FullyConnectedOptions", {})
WINDOW = {"Padding": 1, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
CONV_2D = ("CONV_2D", (1, 6, 6, 4), (2, 3, 3, 4), (1, 4, 4, 2), "Conv2DOptions", WINDOW)
DEPTHWISE = ("DEPTHWISE_CONV_2D", (1, 6, 6, 4), (1, 3, 3, 4), (1, 4, 4, 4), "DepthwiseConv2DOptions", WINDOW | {"DepthMultiplier": 1})


@pytest.mark.parametrize("kind, data, kernel, result, options, fields", [FULLY_CONNECTED, CONV_2D, DEPTHWISE])
def test_weights_in_codes_of_a_layer_in_float_are_refused_with_the_way_out(kind, data, kernel, result, options, fields, tmp_path):
    x, y = Tensor(data, "FLOAT32", name="x"), Tensor(result, "FLOAT32", name="dense")
    weights, bias = Tensor.constant(np.ones(kernel), "INT8", 0.01), Tensor.constant(np.zeros(result[-1]), "FLOAT32")
    path = tmp_path / "net.tflite"
    path.write_bytes(network([Op(kind, (x, weights, bias), (y,), options, fields)], [x], [y]))
    with pytest.raises(UnsupportedOp, match=f"{kind} cannot be imported") as caught:
        npuc.compile(path)
    assert caught.value.layer == "dense" and "representative data set" in caught.value.advice


def test_weights_of_16_bit_floats_are_refused_with_the_way_out(tmp_path):
    x, y, wide = Tensor((1, 4), "FLOAT32", name="x"), Tensor((1, 2), "FLOAT32", name="dense"), Tensor((2, 4), "FLOAT32", name="wide")
    weights = Tensor.constant(np.ones((2, 4)), "FLOAT16")
    ops = [Op("DEQUANTIZE", (weights,), (wide,), "DequantizeOptions", {}, 3), Op("FULLY_CONNECTED", (x, wide, None), (y,), "FullyConnectedOptions", {})]
    path = tmp_path / "net.tflite"
    path.write_bytes(network(ops, [x], [y]))
    with pytest.raises(UnsupportedOp, match="found: FLOAT16 of") as caught:
        npuc.compile(path)
    assert caught.value.layer == "wide" and "representative data set" in caught.value.advice
