# SPDX-License-Identifier: Apache-2.0
"""Numbers of a .tflite file that are known when it is read: arithmetic on them is folded, and shapes that the file leaves open follow from them."""

import numpy as np
import pytest

import npuc
from npuc.errors import NpucError

pytest.importorskip("tflite")
pytest.importorskip("ai_edge_litert")

from torch_mlir import ir

from npuc.frontend.tflite import import_tflite
from npuc.passes.base import operations
from samples.tflite_files import Op, Oracle, Tensor, network

REDUCER = ("ReducerOptions", {"KeepDims": False})
# operator -> known operands, options; the result is the count of channels that a reshape then has
COUNTS = {
    "ADD": ([4, 4], "AddOptions", {}),
    "SUB": ([12, 4], "SubOptions", {}),
    "MUL": ([2, 4], "MulOptions", {}),
    "DIV": ([17, 2], "DivOptions", {}),
    "FLOOR_DIV": ([17, 2], "FloorDivOptions", {}),
    "FLOOR_MOD": ([-1, 9], "FloorModOptions", {}),
    "MAXIMUM": ([8, 3], "MaximumMinimumOptions", {}),
    "MINIMUM": ([8, 30], "MaximumMinimumOptions", {}),
    "NEG": ([-8], "NegOptions", {}),
    "REDUCE_PROD": ([[2, 4], [0]], *REDUCER),
    "SUM": ([[3, 5], [0]], *REDUCER),
    "REDUCE_MAX": ([[3, 8], [0]], *REDUCER),
    "REDUCE_MIN": ([[9, 8], [0]], *REDUCER),
    "GATHER": ([[3, 8, 5], 1], "GatherOptions", {"Axis": 0}),
}


@pytest.mark.parametrize("kind", COUNTS)
def test_arithmetic_on_known_numbers_is_folded(kind, tmp_path):
    operands, options, fields = COUNTS[kind]
    x, y = Tensor((1, 2, 4), "INT8", 0.1, 0), Tensor((1, 1), "INT8", 0.1, 0, signature=(1, -1))
    count, both = Tensor((), "INT32"), Tensor((2,), "INT32")
    ops = [
        Op(kind, [Tensor.constant(value, "INT32") for value in operands], (count,), options, fields),
        Op("PACK", (Tensor.constant(1, "INT32"), count), (both,), "PackOptions", {"ValuesCount": 2}),
        Op("RESHAPE", (x, both), (y,), "ReshapeOptions", {}),
    ]
    data = network(ops, [x], [y])
    module, _ = import_tflite(data, ir.Context())
    assert [op.name for op in operations(module) if op.name.startswith("npu.")] == ["npu.reshape"]
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    inputs = np.arange(8, dtype=np.int8).reshape(1, 2, 4)
    found, (wanted,) = npuc.compile(path).run(inputs), Oracle(data).run(inputs)
    assert found.shape == wanted.shape == (1, 8)
    assert np.array_equal(found, wanted)


def test_an_upsampling_whose_shapes_are_computed_at_run_time(tmp_path):
    """As Keras exports it for an open batch: SHAPE, STRIDED_SLICE, CONCATENATION, then a RESHAPE whose result the file writes as 1 x 1 x 6 x 2."""
    x = Tensor((1, 2, 3, 2), "INT8", 0.1, 0, signature=(-1, 2, 3, 2))
    wide, tiled = (Tensor(shape, "INT8", 0.1, 0, signature=(-1, *shape[1:])) for shape in ((1, 2, 3, 1, 2), (1, 2, 3, 2, 2)))
    y = Tensor((1, 1, 6, 2), "INT8", 0.1, 0, signature=(-1, -1, 6, 2))
    z = Tensor((1, 1, 6, 2), "INT8", 0.1, 0, signature=(-1, -1, 6, 2))
    shape, rows, whole = Tensor((4,), "INT32"), Tensor((2,), "INT32"), Tensor((4,), "INT32")
    begin, end, stride, rest = (Tensor.constant(value, "INT32") for value in ([0], [2], [1], [6, 2]))
    ops = [
        Op("SHAPE", (x,), (shape,), "ShapeOptions", {"OutType": 2}),
        Op("STRIDED_SLICE", (shape, begin, end, stride), (rows,), "StridedSliceOptions", {}),
        Op("CONCATENATION", (rows, rest), (whole,), "ConcatenationOptions", {"Axis": 0}),
        Op("EXPAND_DIMS", (x, Tensor.constant(3, "INT32")), (wide,), "ExpandDimsOptions"),
        Op("TILE", (wide, Tensor.constant([1, 1, 1, 2, 1], "INT32")), (tiled,), "TileOptions"),
        Op("RESHAPE", (tiled, whole), (y,), "ReshapeOptions", {}),
        Op("RELU", (y,), (z,), "", {}, 2),
    ]
    data = network(ops, [x], [z])
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    inputs = np.arange(-6, 6, dtype=np.int8).reshape(1, 2, 3, 2)
    found, (wanted,) = npuc.compile(path).run(inputs), Oracle(data).run(inputs)
    assert found.shape == wanted.shape == (1, 2, 6, 2)
    assert np.array_equal(found, wanted)


def test_a_division_of_known_numbers_by_nothing_is_one_error(tmp_path):
    x, y, count = Tensor((1, 8), "INT8", 0.1, 0), Tensor((8,), "INT8", 0.1, 0, signature=(-1,)), Tensor((1,), "INT32")
    ops = [
        Op("DIV", (Tensor.constant([8], "INT32"), Tensor.constant([0], "INT32")), (count,), "DivOptions"),
        Op("RESHAPE", (x, count), (y,), "ReshapeOptions", {}),
    ]
    path = tmp_path / "net.tflite"
    path.write_bytes(network(ops, [x], [y]))
    with pytest.raises(NpucError):
        npuc.compile(path)
