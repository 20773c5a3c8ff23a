# SPDX-License-Identifier: Apache-2.0
"""A module of npu ops runs by the ops' references, whole and tiled."""

import numpy as np
import pytest
from torch_mlir import ir

from npuc import dialects, interpret
from npuc.errors import InputMismatch, InternalError, UserInputError


@pytest.fixture
def context():
    with dialects.new_context() as context, ir.Location.unknown():
        yield context


def run(text: str, *inputs: np.ndarray) -> list[np.ndarray]:
    return interpret.run(ir.Module.parse(text), inputs)


CONV = """
func.func @main(%x: tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8> {
  %w = "npu.constant"() {value = dense<2> : tensor<2x1x1x2xi8>} : () -> tensor<2x1x1x2xi8>
  %b = "npu.constant"() {value = dense<[1, -1]> : tensor<2xi32>} : () -> tensor<2xi32>
  BODY
}
"""
ATTRIBUTES = """dilation = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>, zp_w = 0 : i64,
  zp_x = 3 : i64, rescale = #npu.scale<{double_round = false, hi = 127 : i64, lo = -128 : i64, multiplier = array<i64: 1073741824>,
  shift = array<i64: 30>, zp_out = 0 : i64}>"""
WHOLE = CONV.replace(
    "BODY",
    f'%y = "npu.conv2d"(%x, %w, %b) {{{ATTRIBUTES}}} : (tensor<1x4x4x2xi8>, tensor<2x1x1x2xi8>, tensor<2xi32>) -> tensor<1x4x4x2xi8>\n'
    "  return %y : tensor<1x4x4x2xi8>",
)
TILED = CONV.replace(
    "BODY",
    f"""%e = tensor.empty() : tensor<1x4x4x2xi8>
  %g = "npu.group"() ({{
    %x0 = tensor.extract_slice %x[0, 0, 0, 0] [1, 2, 4, 2] [1, 1, 1, 1] : tensor<1x4x4x2xi8> to tensor<1x2x4x2xi8>
    %y0 = "npu.conv2d"(%x0, %w, %b) {{{ATTRIBUTES}}} : (tensor<1x2x4x2xi8>, tensor<2x1x1x2xi8>, tensor<2xi32>) -> tensor<1x2x4x2xi8>
    %e0 = tensor.insert_slice %y0 into %e[0, 0, 0, 0] [1, 2, 4, 2] [1, 1, 1, 1] : tensor<1x2x4x2xi8> into tensor<1x4x4x2xi8>
    %x1 = tensor.extract_slice %x[0, 2, 0, 0] [1, 2, 4, 2] [1, 1, 1, 1] : tensor<1x4x4x2xi8> to tensor<1x2x4x2xi8>
    %y1 = "npu.conv2d"(%x1, %w, %b) {{{ATTRIBUTES}}} : (tensor<1x2x4x2xi8>, tensor<2x1x1x2xi8>, tensor<2xi32>) -> tensor<1x2x4x2xi8>
    %e1 = tensor.insert_slice %y1 into %e0[0, 2, 0, 0] [1, 2, 4, 2] [1, 1, 1, 1] : tensor<1x2x4x2xi8> into tensor<1x4x4x2xi8>
    %t = builtin.unrealized_conversion_cast %e1, %b : tensor<1x4x4x2xi8>, tensor<2xi32> to tuple<tensor<1x4x4x2xi8>, tensor<2xi32>>
    "npu.yield"(%t) : (tuple<tensor<1x4x4x2xi8>, tensor<2xi32>>) -> ()
  }}) {{info = {{}}}} : () -> tuple<tensor<1x4x4x2xi8>, tensor<2xi32>>
  %r:2 = builtin.unrealized_conversion_cast %g : tuple<tensor<1x4x4x2xi8>, tensor<2xi32>> to tensor<1x4x4x2xi8>, tensor<2xi32>
  return %r#0 : tensor<1x4x4x2xi8>""",
)


def test_a_convolution_runs_by_its_reference(context):
    x = np.arange(-16, 16, dtype=np.int8).reshape(1, 4, 4, 2)
    (y,) = run(WHOLE, x)
    wide = 2 * (x.astype(int) - 3).sum(axis=3, keepdims=True) + np.array([1, -1])
    assert np.array_equal(y, np.clip(wide, -128, 127).astype(np.int8))


def test_the_tiled_form_equals_the_whole(context):
    x = np.random.default_rng(0).integers(-128, 128, (1, 4, 4, 2)).astype(np.int8)
    assert np.array_equal(run(TILED, x)[0], run(WHOLE, x)[0])


def test_an_insert_leaves_what_others_still_read_alone(context):
    text = """
func.func @main(%x: tensor<2xi8>) -> (tensor<4xi8>, tensor<4xi8>, tensor<2xi8>) {
  %e = tensor.empty() : tensor<4xi8>
  %a = tensor.insert_slice %x into %e[0] [2] [1] : tensor<2xi8> into tensor<4xi8>
  %part = tensor.extract_slice %a[0] [2] [2] : tensor<4xi8> to tensor<2xi8>
  %b = tensor.insert_slice %x into %a[2] [2] [1] : tensor<2xi8> into tensor<4xi8>
  return %a, %b, %part : tensor<4xi8>, tensor<4xi8>, tensor<2xi8>
}"""
    a, b, part = run(text, np.array([5, 6], np.int8))
    assert a.tolist() == [5, 6, 0, 0]
    assert b.tolist() == [5, 6, 5, 6]
    assert part.tolist() == [5, 0]


def test_an_argument_is_never_written(context):
    text = """
func.func @main(%x: tensor<2xi8>, %y: tensor<1xi8>) -> tensor<2xi8> {
  %a = tensor.insert_slice %y into %x[1] [1] [1] : tensor<1xi8> into tensor<2xi8>
  return %a : tensor<2xi8>
}"""
    x = np.array([1, 2], np.int8)
    assert run(text, x, np.array([9], np.int8))[0].tolist() == [1, 9]
    assert x.tolist() == [1, 2]


def test_a_slice_may_drop_dimensions(context):
    text = """
func.func @main(%x: tensor<2x3xi8>) -> tensor<3xi8> {
  %a = tensor.extract_slice %x[1, 0] [1, 3] [1, 1] : tensor<2x3xi8> to tensor<3xi8>
  return %a : tensor<3xi8>
}"""
    assert run(text, np.arange(6, dtype=np.int8).reshape(2, 3))[0].tolist() == [3, 4, 5]


def test_thousands_of_tiles_are_no_burden(context):
    lines = ["%e0 = tensor.empty() : tensor<4000x256xi8>"]
    for i in range(4000):
        lines.append(f"%s{i} = tensor.extract_slice %x[{i}, 0] [1, 256] [1, 1] : tensor<4000x256xi8> to tensor<1x256xi8>")
        lines.append(
            f"%e{i + 1} = tensor.insert_slice %s{i} into %e{i}[{i}, 0] [1, 256] [1, 1] : tensor<1x256xi8> into tensor<4000x256xi8>"
        )
    body = "\n".join(lines)
    x = np.random.default_rng(0).integers(-128, 128, (4000, 256)).astype(np.int8)
    (y,) = run(f"func.func @main(%x: tensor<4000x256xi8>) -> tensor<4000x256xi8> {{\n{body}\nreturn %e4000 : tensor<4000x256xi8>\n}}", x)
    assert np.array_equal(x, y)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "number of inputs"),
        ([np.zeros((1, 4, 4, 3), np.int8)], "input 0 does not fit"),
        ([np.zeros((1, 4, 4, 2), np.int16)], "input 0 does not fit"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(context, inputs, words):
    with pytest.raises(InputMismatch, match=words):
        run(WHOLE, *inputs)


def test_an_operation_without_a_meaning_is_named(context):
    module = ir.Module.parse(
        "func.func @main(%x: tensor<2xi8>) -> tensor<2xi8> {\n %0 = tosa.abs %x : (tensor<2xi8>) -> tensor<2xi8>\n return %0 : tensor<2xi8> }"
    )
    assert interpret.unknown(module) == ("tosa.abs",)
    with pytest.raises(InternalError, match=r"tosa\.abs"):
        interpret.run(module, [np.zeros(2, np.int8)])


def test_a_function_is_chosen_by_name(context):
    module = ir.Module.parse("func.func @a(%x: tensor<1xi8>) -> tensor<1xi8> { return %x : tensor<1xi8> }\nfunc.func @b() { return }")
    assert interpret.run(module, [np.array([3], np.int8)], function="a")[0].tolist() == [3]
    with pytest.raises(UserInputError, match="no function 'main'"):
        interpret.run(module, [])
