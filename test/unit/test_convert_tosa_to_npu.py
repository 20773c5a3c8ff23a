# SPDX-License-Identifier: Apache-2.0
"""TOSA modules: read, converted, compiled and run; a few of TOSA's own cases, chosen anew each time, against its reference model."""

import random

import numpy as np
import pytest
from torch_mlir import ir

import npuc
from npuc import dialects, interpret
from npuc.cli import main
from npuc.errors import ImportFailed, UnsupportedOp
from npuc.frontend.tosa import import_tosa, port_names
from npuc.passes.convert_tosa_to_npu import converters
from npuc.passes.convert_tosa_to_npu.avg_pool2d import reciprocal
from npuc.passes.pipeline import bytecode, run_passes
from samples import tosa_cases


def constant(name, value, kind):
    return f'%{name} = "tosa.const"() <{{values = dense<{value}> : tensor<{kind}>}}> : () -> tensor<{kind}>'


def module(arguments, result, *lines, names=""):
    body = "\n  ".join(lines)
    return f"func.func @main({arguments}) -> ({result}{names}) {{\n  {body}\n  return %y : {result}\n}}\n"


# A residual block as a converter from TFLite writes it: convolution, rescale, clamp, and a sum between rescales.
RESCALE = "input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = DOUBLE_ROUND, scale32 = true"
BLOCK = module(
    '%x: tensor<1x8x8x4xi8> {tosa.tensor_name = "image"}', "tensor<1x8x8x4xi8>",
    constant("w", 3, "4x3x3x4xi8"), constant("b", 100, "4xi32"), constant("zx", -5, "1xi8"), constant("zw", 0, "1xi8"),
    constant("z32", 0, "1xi32"), constant("m", 1431655765, "1xi32"), constant("s", 38, "1xi8"), constant("one", 1073741824, "1xi32"),
    constant("wide", 11, "1xi8"), constant("narrow", 50, "1xi8"),
    "%c = tosa.conv2d %x, %w, %b, %zx, %zw {acc_type = i32, dilation = array<i64: 1, 1>, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>} "
    ": (tensor<1x8x8x4xi8>, tensor<4x3x3x4xi8>, tensor<4xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x8x8x4xi32>",
    f"%r = tosa.rescale %c, %m, %s, %z32, %zx {{{RESCALE}}} "
    ": (tensor<1x8x8x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x8x8x4xi8>",
    "%a = tosa.clamp %r {min_val = -5 : i8, max_val = 90 : i8} : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>",
    f"%u = tosa.rescale %a, %one, %wide, %zx, %z32 {{{RESCALE}}} "
    ": (tensor<1x8x8x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<1x8x8x4xi32>",
    f"%v = tosa.rescale %x, %one, %wide, %zx, %z32 {{{RESCALE}}} "
    ": (tensor<1x8x8x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<1x8x8x4xi32>",
    "%t = tosa.add %u, %v : (tensor<1x8x8x4xi32>, tensor<1x8x8x4xi32>) -> tensor<1x8x8x4xi32>",
    f"%y = tosa.rescale %t, %one, %narrow, %z32, %zx {{{RESCALE}}} "
    ": (tensor<1x8x8x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x8x8x4xi8>",
    names=' {tosa.tensor_name = "sum"}',
)  # fmt: skip
ADD = module("%x: tensor<4xi32>", "tensor<4xi32>", "%y = tosa.add %x, %x : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>")


def converted(text):
    """The npu ops of a module, by name."""
    context = ir.Context()
    found = import_tosa(text, context)
    with context, ir.Location.unknown():
        run_passes(found, ["convert-tosa-to-npu", "npu-fuse-activations", "canonicalize"])
        return [view.operation.name for view in found.body.operations[0].regions[0].blocks[0].operations]


def test_a_residual_block_is_a_convolution_and_a_sum():
    assert [name for name in converted(BLOCK) if name != "npu.constant"] == ["npu.conv2d", "npu.add", "func.return"]


@pytest.mark.parametrize("target", ["pico-64", "u65-512-dram"])
def test_the_program_of_a_file_gives_what_the_unfused_ops_give(target, tmp_path):
    path = tmp_path / "block.mlir"
    path.write_text(BLOCK)
    x = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 4)).astype(np.int8)
    compiled = npuc.compile(path, target=target, validate=True)
    assert [port.name for port in (*compiled.program.inputs, *compiled.program.outputs)] == ["image", "sum"]
    acc = sum(
        (np.pad(x.astype(np.int64) + 5, ((0, 0), (1, 1), (1, 1), (0, 0)))[:, i : i + 8, j : j + 8].sum(-1, keepdims=True) * 3)
        for i in range(3) for j in range(3)
    ) + 100  # fmt: skip
    scaled = (acc * 1431655765 + (1 << 37) + np.where(acc >= 0, 1 << 30, -(1 << 30)) >> 38) - 5
    clamped = np.broadcast_to(np.clip(scaled, -5, 90), x.shape)
    both = ((clamped + 5) << 19) + ((x.astype(np.int64) + 5) << 19)
    wanted = np.clip((both * (1 << 30) + (1 << 49) + np.where(both >= 0, 1 << 30, -(1 << 30)) >> 50) - 5, -128, 127)
    np.testing.assert_array_equal(compiled.run(x), wanted)


def test_the_command_line_compiles_and_runs_a_file(tmp_path, capsys):
    path, x = tmp_path / "block.mlir", tmp_path / "x.npy"
    path.write_text(BLOCK)
    np.save(x, np.zeros((1, 8, 8, 4), np.int8))
    assert main(["compile", str(path), "-o", str(tmp_path / "block.npub")]) == 0
    assert main(["run", str(tmp_path / "block.npub"), "--input", str(x), "--output-dir", str(tmp_path)]) == 0
    assert np.load(tmp_path / "output_0.npy", allow_pickle=False).shape == (1, 8, 8, 4)
    assert capsys.readouterr().err == ""


def test_a_program_of_host_ops_alone_runs(tmp_path):
    path = tmp_path / "add.mlir"
    path.write_text(ADD)
    np.testing.assert_array_equal(npuc.compile(path).run(np.arange(4, dtype=np.int32)), np.arange(4) * 2)


def test_a_table_of_one_value_without_dimensions_runs(tmp_path):
    path = tmp_path / "negate.mlir"
    path.write_text(module(
        "%x: tensor<i8>", "tensor<i8>", constant("zi", -103, "1xi8"), constant("zo", 40, "1xi8"),
        "%y = tosa.negate %x, %zi, %zo : (tensor<i8>, tensor<1xi8>, tensor<1xi8>) -> tensor<i8>",
    ))  # fmt: skip
    assert npuc.compile(path).run(np.array(-100, np.int8)) == 37


def test_an_open_batch_is_1_and_an_open_extent_follows(tmp_path):
    path = tmp_path / "open.mlir"
    path.write_text(module(
        "%x: tensor<?x2x3xi8>", "tensor<?x6xi8>", "%s = tosa.const_shape {values = dense<[-1, 6]> : tensor<2xindex>} : () -> !tosa.shape<2>",
        "%r = tosa.reshape %x, %s : (tensor<?x2x3xi8>, !tosa.shape<2>) -> tensor<?x6xi8>",
        "%y = tosa.clamp %r {min_val = 0 : i8, max_val = 4 : i8} : (tensor<?x6xi8>) -> tensor<?x6xi8>",
    ))  # fmt: skip
    y = npuc.compile(path).run(np.arange(-1, 5, dtype=np.int8).reshape(1, 2, 3))
    assert y.tolist() == [[0, 0, 1, 2, 3, 4]]


def test_48_bit_accumulators_are_held_in_64():
    text = module(
        "%x: tensor<2x2xi48>", "tensor<2x2xi16>", constant("m", "[16384, 20000]", "2xi16"), constant("s", "[30, 31]", "2xi8"),
        constant("zi", 0, "1xi48"), constant("zo", 0, "1xi16"),
        "%y = tosa.rescale %x, %m, %s, %zi, %zo {input_unsigned = false, output_unsigned = false, per_channel = true, "
        "rounding_mode = SINGLE_ROUND, scale32 = false} : (tensor<2x2xi48>, tensor<2xi16>, tensor<2xi8>, tensor<1xi48>, tensor<1xi16>) "
        "-> tensor<2x2xi16>",
    )  # fmt: skip
    context = ir.Context()
    found = import_tosa(text, context)
    with context, ir.Location.unknown():
        run_passes(found, ["convert-tosa-to-npu"])
        x = np.array([[1 << 30, -(1 << 40)], [12345678901, 5]], np.int64)
        (y,) = interpret.run(found, [x])
    wanted = [[(int(v) * m + (1 << s - 1)) >> s for v, m, s in zip(row, (16384, 20000), (30, 31), strict=True)] for row in x]
    np.testing.assert_array_equal(y, np.clip(wanted, -32768, 32767))


def test_bilinear_of_16_bits_gives_sums_of_48():
    shapes = [f"%{name} = tosa.const_shape {{values = dense<{list(values)}> : tensor<{len(values)}xindex>}} : () -> !tosa.shape<{len(values)}>"
              for name, values in (("n", (1024, 512, 1500, 500)), ("o", (0, 0)), ("b", (0, 0)))]  # fmt: skip
    text = module(
        "%x: tensor<1x3x2x1xi16>", "tensor<1x5x4x1xi48>", *shapes,
        "%y = tosa.resize %x, %n, %o, %b {mode = BILINEAR} : (tensor<1x3x2x1xi16>, !tosa.shape<4>, !tosa.shape<2>, !tosa.shape<2>) -> tensor<1x5x4x1xi48>",
    )  # fmt: skip
    context = ir.Context()
    found = import_tosa(text, context)
    x = np.array([[32767, -32768], [-32768, 32767], [123, -4567]], np.int16).reshape(1, 3, 2, 1)
    with context, ir.Location.unknown():
        run_passes(found, ["convert-tosa-to-npu"])
        (y,) = interpret.run(found, [x])
    rows, columns = [[(1024, 0, 0), (512, 512, 0), (0, 1024, 0), (0, 512, 512), (0, 0, 1024)], [(1500, 0), (1000, 500), (500, 1000), (0, 1500)]]
    np.testing.assert_array_equal(y.reshape(5, 4), np.array(rows, np.int64) @ x.reshape(3, 2).astype(np.int64) @ np.array(columns, np.int64).T)


def test_reciprocals_are_those_of_the_specification():
    assert [reciprocal(count) for count in (1, 2, 3, 4, 9)] == [
        ((1 << 30) + 1, 30), ((1 << 30) + 1, 31), (1431655766, 32), ((1 << 30) + 1, 32), (1908874355, 34),
    ]  # fmt: skip
    for count in range(1, 2000):
        multiplier, shift = reciprocal(count)
        assert 1 << 30 <= multiplier < 1 << 31 and abs(multiplier * count / 2**shift - 1) < 2e-9


# what is no TOSA module -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe\x00", "is neither text nor MLIR bytecode"),
        (b'func.func @main() {\n return\n} loc("a\\E8\\EE")', "a string of the module is no UTF-8"),
        (b"func.func @main(", "is no well-formed MLIR module"),
        (b"ML\xefR damaged", "is damaged or not of this version of MLIR"),
        (b"module {}", "holds another number of functions than it should"),
        (b"func.func @main(%x: i32) -> i32 {\n %y = arith.addi %x, %x : i32\n return %y : i32\n}", "is no TOSA module"),
    ],
)
def test_a_file_that_is_no_tosa_module_is_an_import_error(data, message, tmp_path):
    path = tmp_path / "net.mlir"
    path.write_bytes(data)
    with pytest.raises(ImportFailed, match=message):
        npuc.compile(path)


def test_a_module_that_breaks_the_specification_is_named_with_its_line():
    text = module(
        "%x: tensor<1x4x4x1xi8>", "tensor<1x6x6x1xi8>",
        "%y = tosa.max_pool2d %x {kernel = array<i64: 1, 1>, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>} "
        ": (tensor<1x4x4x1xi8>) -> tensor<1x6x6x1xi8>",
    )  # fmt: skip
    with pytest.raises(ImportFailed, match=r"line 2: .*expected left/right padding to be less than"):
        import_tosa(text, ir.Context())


def test_bytecode_is_read_by_way_of_another_process():
    context = dialects.new_context()
    with context:
        data = bytecode(ir.Module.parse(ADD))
    assert port_names(import_tosa(data, ir.Context())) == (["input_0"], ["output_0"])


def test_an_op_beyond_the_profile_is_named():
    text = module("%x: tensor<4xf32>", "tensor<4xf32>", "%y = tosa.erf %x : (tensor<4xf32>) -> tensor<4xf32>")
    context = dialects.new_context()
    with context, ir.Location.unknown(), pytest.raises(UnsupportedOp, match="the op belongs to TOSA 1.0, profile PRO-INT"):
        run_passes(ir.Module.parse(text), ["convert-tosa-to-npu"])


def test_every_op_has_one_conversion():
    assert len(converters()) > 60
    assert all(name.startswith("tosa.") for name in converters())


# TOSA's own cases ------------------------------------------------------------------------------------

SMALL = ("argmax", "bitwise_and", "cast", "clamp", "concat", "mul", "negate", "reduce_max", "reverse", "select", "slice", "table", "tile", "transpose")
WINDOWS = ("conv2d", "depthwise_conv2d", "transpose_conv2d", "max_pool2d", "avg_pool2d")
FEW = (
    "--tensor-dim-range", "1,16", "--no-special-tests", "--conv-kernel", "2,3", "--max-conv-padding", "1", "--max-conv-dilation", "1",
    "--max-conv-stride", "1", "--max-pooling-padding", "0", "--max-pooling-stride", "2", "--max-pooling-kernel", "2",
)  # fmt: skip


def test_a_sample_of_tosas_own_cases_is_exact(tmp_path):
    tools = tosa_cases.find_tools()
    if tools is None:
        pytest.skip("the programs of tosa-tools are not installed: make tosa, or name their folder in NPUC_TOSA_TOOLS")
    seed = random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed}")
    rng = random.Random(seed)
    pattern = "^(" + "|".join([*rng.sample(SMALL, 2), rng.choice(WINDOWS)]) + ")$"
    cases = tosa_cases.generate(tools, tmp_path / "cases", seed, pattern=pattern, more=FEW)
    outcomes = [tosa_cases.check(tools, case, seed=seed) for case in rng.sample(cases, min(12, len(cases)))]
    assert outcomes
    bad = [(one.verdict, one.case.name, one.detail) for one in outcomes if one.verdict != "exact"]
    assert bad == [], f"seed {seed}, ops {pattern}"
