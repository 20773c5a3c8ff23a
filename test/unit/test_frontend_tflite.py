# SPDX-License-Identifier: Apache-2.0
"""TFLite's front door: every operator against LiteRT's reference kernels to the bit, whole programs too; damaged files end in one error."""

import subprocess
import sys

import numpy as np
import pytest

import npuc
from npuc.errors import ImportFailed, NpucError, UnsupportedOp

pytest.importorskip("tflite")
pytest.importorskip("ai_edge_litert")

from torch_mlir import ir

from npuc.frontend.tflite import converters, import_tflite
from npuc.interpret import run
from npuc.passes.base import layer_name, operations
from samples.tflite_files import Op, Oracle, Tensor, network
from samples.tflite_ops import CASES

SEEDS = range(8)
# the reference resolver does not have these
OPTIMIZED = {"ELU"}
MACHINES = ("pico-64", "edge-256", "edge-2048", "u65-512-dram")


def sample(kind: str, seed: int):
    """A random file of one operator, inputs and what LiteRT makes of them."""
    rng = np.random.default_rng([seed, *kind.encode()])
    data = CASES[kind](rng)
    oracle = Oracle(data, resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES" if kind in OPTIMIZED else "BUILTIN_REF")
    inputs = oracle.random_inputs(rng)
    return data, inputs, oracle.run(*inputs)


def assert_equal(found, wanted):
    found = found if isinstance(found, (tuple, list)) else (found,)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", CASES)
def test_an_operator_equals_the_reference_kernel(kind):
    for seed in SEEDS:
        data, inputs, wanted = sample(kind, seed)
        context = ir.Context()
        module, _ = import_tflite(data, context)
        with context:
            assert_equal(run(module, inputs), wanted)


@pytest.mark.parametrize("kind", CASES)
def test_a_program_of_one_operator_equals_the_reference_kernel(kind, tmp_path):
    machine = MACHINES[len(kind) % len(MACHINES)]
    data, inputs, wanted = sample(kind, 100)
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    assert_equal(npuc.compile(path, target=machine).run(*inputs), wanted)


def test_every_kind_of_operator_has_a_case():
    aliases = {"PADV2": "PAD", "EXPAND_DIMS": "RESHAPE", "SQUEEZE": "RESHAPE", "BATCH_TO_SPACE_ND": "SPACE_TO_BATCH_ND"}
    # shapes are folded, which a network of one operator cannot show
    assert {aliases.get(kind, kind) for kind in converters()} - set(CASES) == {"SHAPE"}


def linear(batch: int = 1, name: str = "dense/MatMul;dense/BiasAdd") -> bytes:
    x = Tensor((batch, 4), "INT8", 0.1, 3, name="x")
    w = Tensor.constant(np.ones((2, 4)), "INT8", 0.01)
    y = Tensor((1, 2), "INT8", 0.05, 0, name=name)
    return network([Op("FULLY_CONNECTED", (x, w, None), (y,), "FullyConnectedOptions", {}, 4)], [x], [y])


def test_names_of_layers_and_ports_survive():
    context = ir.Context()
    module, known = import_tflite(linear(), context)
    assert (known.inputs, known.outputs) == (("x",), ("dense/MatMul;dense/BiasAdd",))
    assert [layer_name(op) for op in operations(module, "npu.fully_connected")] == ["dense/MatMul"]


def test_an_open_batch_is_one_image():
    context = ir.Context()
    module, _ = import_tflite(linear(batch=-1), context)
    with context:
        (found,) = run(module, [np.array([[3, 13, 23, 33]], np.int8)])
    assert found.tolist() == [[1, 1]]


def test_shapes_computed_at_run_time_are_folded(tmp_path):
    """Flatten as Keras exports it: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    x, y = Tensor((1, 2, 3, 4), "INT8", 0.1, 0), Tensor((1, 24), "INT8", 0.1, 0)
    shape, first, both = Tensor((4,), "INT32"), Tensor((), "INT32"), Tensor((2,), "INT32")
    begin, end, stride, rest = (Tensor.constant(v, "INT32") for v in ([0], [1], [1], -1))
    ops = [
        Op("SHAPE", (x,), (shape,), "ShapeOptions", {"OutType": 2}),
        Op("STRIDED_SLICE", (shape, begin, end, stride), (first,), "StridedSliceOptions", {"ShrinkAxisMask": 1}),
        Op("PACK", (first, rest), (both,), "PackOptions", {"ValuesCount": 2}),
        Op("RESHAPE", (x, both), (y,), "ReshapeOptions", {}),
    ]
    context = ir.Context()
    module, _ = import_tflite(network(ops, [x], [y]), context)
    assert [op.name for op in operations(module) if op.name.startswith("npu.")] == ["npu.reshape"]


def test_an_operator_that_is_not_known_is_named():
    x, y = Tensor((1, 4), "INT8", 0.1, 0, name="x"), Tensor((1, 4), "INT8", 0.1, 0, name="odd")
    with pytest.raises(UnsupportedOp, match="ROUND is not supported") as caught:
        import_tflite(network([Op("ROUND", (x,), (y,))], [x], [y]), ir.Context())
    assert caught.value.layer == "odd"


def test_codes_are_compared_up_to_a_scale_of_1():
    a, b, y = Tensor((1, 4), "INT8", 1.5, 0, name="a"), Tensor((1, 4), "INT8", 0.5, 0, name="b"), Tensor((1, 4), "BOOL", name="less")
    with pytest.raises(UnsupportedOp, match="scale of codes that are compared") as caught:
        import_tflite(network([Op("LESS", (a, b), (y,), "LessOptions", {})], [a, b], [y]), ir.Context())
    assert (caught.value.layer, caught.value.found) == ("less", 1.5)


def wide_convolution(scale: float = 1.0, count: int = 40) -> bytes:
    """A 16x8 convolution; its weights are all 127 times `scale`."""
    x, y = Tensor((1, 6, 6, count), "INT16", 0.0003, 0, name="x"), Tensor((1, 6, 6, 8), "INT16", 0.01, 0, name="y")
    w = Tensor.constant(np.full((8, 1, 1, count), 127 * scale), "INT8", 0.001)
    bias = Tensor.constant(np.arange(8) * 1000, "INT64", 0.0003 * 0.001)
    fields = {"Padding": 1, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    return network([Op("CONV_2D", (x, w, bias), (y,), "Conv2DOptions", fields, 3)], [x], [y])


@pytest.mark.parametrize(("count", "device"), [(40, "npu"), (600, "host")])
def test_activations_of_sixteen_bits_run_on_the_array_where_their_sums_fit(count, device, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(wide_convolution(count=count))
    program = npuc.compile(path, target="edge-256")
    x = np.random.default_rng(0).integers(-32768, 32768, (1, 6, 6, count)).astype(np.int16)
    assert [layer.device for layer in program.program.layers] == [device]
    assert_equal(program.run(x), Oracle(path.read_bytes()).run(x))


@pytest.mark.parametrize(("kind", "target", "devices"), [
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", "edge-256", {"npu"}), ("UNIDIRECTIONAL_SEQUENCE_LSTM", "pico-64", {"npu", "host"}), ("SVDF", "edge-256", {"npu", "host"}),
])  # fmt: skip
def test_a_layer_with_a_state_begins_anew_in_every_run(kind, target, devices, tmp_path):
    """A table of 16-bit values is too large for the small machine; the sum of an SVDF's parts has no bound that fits 32 bits."""
    data, inputs, wanted = sample(kind, 3)
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    program = npuc.compile(path, target=target)
    assert {layer.device for layer in program.program.layers} == devices
    for _ in range(2):
        assert_equal(program.run(*inputs), wanted)


def test_other_bytes_are_no_tflite_file(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ImportFailed, match="no TFLite file"):
        npuc.compile(path)


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut short, or with bytes, words or stretches replaced."""
    bytes_ = bytearray(data)
    how = int(rng.integers(4))
    if how == 0:
        return bytes(bytes_[: int(rng.integers(8, len(bytes_)))])
    for _ in range(int(rng.integers(1, 8))):
        at = int(rng.integers(8, len(bytes_) - 8))
        if how == 1:
            bytes_[at] = int(rng.integers(256))
        elif how == 2:
            bytes_[at : at + 4] = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 65536])).to_bytes(4, "little")
        else:
            other = int(rng.integers(0, len(bytes_) - 8))
            bytes_[at : at + 8] = bytes_[other : other + 8]
    return bytes(bytes_)


@pytest.mark.parametrize("kind", CASES)
def test_a_damaged_file_is_read_or_refused(kind):
    for seed in range(20):
        rng = np.random.default_rng([seed, *kind.encode()])
        data = damaged(CASES[kind](rng), rng)
        try:
            import_tflite(data, ir.Context())
        except NpucError as error:
            assert error.code in ("NPU200", "NPU300")


@pytest.mark.parametrize("shape", [(3, 5), (4,), (0, 3, 4), (-2, 3, 4), (3, 4, 1)])
def test_a_shape_that_nothing_can_be_broadcast_to_is_refused(shape):
    x, y = Tensor((3, 4), "INT8", 0.1, 0), Tensor((3, 4), "INT8", 0.1, 0)
    data = network([Op("BROADCAST_TO", (x, Tensor.constant(shape, "INT32")), (y,), "BroadcastToOptions", {}, 2)], [x], [y])
    with pytest.raises(UnsupportedOp, match="BROADCAST_TO cannot be imported"):
        import_tflite(data, ir.Context())


def test_compiling_imports_no_torch(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(linear())
    code = f"import sys, npuc; npuc.compile({str(path)!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_the_command_line_compiles_a_tflite_file(tmp_path):
    from npuc.cli import main

    path, output = tmp_path / "net.tflite", tmp_path / "net.npub"
    path.write_bytes(linear())
    assert main(["compile", str(path), "-o", str(output)]) == 0
    x = np.array([[3, 13, 23, 33]], np.int8)
    np.testing.assert_array_equal(npuc.load(output).run(x), Oracle(linear()).run(x)[0])
