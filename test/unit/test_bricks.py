# SPDX-License-Identifier: Apache-2.0
"""Bricks of channels: what an operand in them reads and writes, which values lie in them, and that no result depends on it."""

import json
from dataclasses import replace

import numpy as np
import pytest

import npuc
from npuc import native, targets
from npuc.errors import InternalError, UserInputError
from npuc.isa.base import BRICK, Command, DType, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.elementwise import Elementwise, ElementwiseKind
from npuc.isa.encoding import decode, disassemble_operand, encode
from npuc.isa.legality import Legality
from npuc.isa.microblocks import Layout
from npuc.numerics import kernels
from npuc.numerics.rescale import Rescale
from npuc.ops._views import part, permuted
from npuc.ops.add import Add
from npuc.ops.avg_pool2d import AvgPool2d, average_rescale
from npuc.ops.base import TensorType
from npuc.ops.clamp import Clamp
from npuc.ops.concat import Concat
from npuc.ops.conv2d import Conv2d
from npuc.ops.depthwise_conv2d import DepthwiseConv2d
from npuc.ops.max_pool2d import MaxPool2d
from npuc.ops.maximum import Maximum
from npuc.ops.mean import Mean
from npuc.ops.mul import Mul
from npuc.ops.pad import Pad
from npuc.ops.rescale import Rescale as RescaleOp
from npuc.ops.resize import Resize
from npuc.ops.slice import Slice
from npuc.ops.table import Table
from npuc.plan.bricks import in_bricks
from npuc.plan.commands import Location, view
from npuc.runtime import load
from npuc.sim import hazards
from npuc.sim.native import NativeSegment
from ops.harness import place, touched, values
from samples.plans import Drawing, i8

U55 = targets.get("u55-256")
KIND = TensorType((2, 5, 3, 48), "i8")


def bricked(values: np.ndarray) -> np.ndarray:
    """The bytes of [N, H, W, C] with the channels of each row in bricks, by numpy's own transposition."""
    n, height, width, channels = values.shape
    return np.ascontiguousarray(values.reshape(n, height, width, channels // BRICK, BRICK).transpose(0, 1, 3, 2, 4))


@pytest.mark.parametrize("dtype", ["i8", "i16", "i32"])
def test_an_operand_reads_and_writes_bricks(dtype):
    kind = replace(KIND, dtype=dtype)
    values = np.random.default_rng(0).integers(-100, 100, kind.shape).astype(dtype.replace("i", "int"))
    memory = np.zeros(kind.bytes, np.uint8)
    where = view(kind, Location(Space.SRAM, 0), bricks=True)
    where.write(memory, values)
    np.testing.assert_array_equal(memory, bricked(values).view(np.uint8).ravel())
    np.testing.assert_array_equal(where.read(memory), values)


def test_a_region_is_where_the_whole_has_it():
    values = np.random.default_rng(1).integers(-100, 100, KIND.shape).astype(np.int8)
    memory = bricked(values).view(np.uint8).ravel()
    for channels in ((0, 48), (16, 32), (32, 16), (20, 7), (0, 3)):
        region = ((1, 1), (1, 3), (1, 2), channels)
        cut = values[1:2, 1:4, 1:3, channels[0] : sum(channels)]
        np.testing.assert_array_equal(view(KIND, Location(Space.SRAM, 0), region, bricks=True).read(memory), cut)
        whole = view(KIND, Location(Space.SRAM, 0), region[:3] + ((0, 48),), bricks=True)
        np.testing.assert_array_equal(part(whole, 3, *channels).read(memory), cut)


def test_channels_that_cut_through_bricks_are_refused():
    whole = view(KIND, Location(Space.SRAM, 0), bricks=True)
    with pytest.raises(InternalError, match="cut through bricks"):
        part(whole, 3, 8, 16)
    with pytest.raises(InternalError, match="cut through bricks"):
        view(KIND, Location(Space.SRAM, 0), ((0, 2), (0, 5), (0, 3), (0, 24)), bricks=True)
    with pytest.raises(InternalError, match="in bricks cannot change place"):
        permuted(whole, (0, 1, 3, 2))


def test_rows_in_a_ring_of_bricks():
    kind = TensorType((1, 6, 3, 32), "i8")
    values = np.random.default_rng(2).integers(-100, 100, kind.shape).astype(np.int8)
    ring = np.zeros(4 * 3 * 32, np.uint8)
    for rows in ((0, 4), (4, 2)):
        region = ((0, 1), rows, (0, 3), (0, 32))
        view(kind, Location(Space.SRAM, 0, 4), region, bricks=True).write(ring, values[:, rows[0] : sum(rows)])
    np.testing.assert_array_equal(view(kind, Location(Space.SRAM, 0, 4), ((0, 1), (2, 4), (0, 3), (0, 32)), bricks=True).read(ring), values[:, 2:])


def test_extents_are_the_bytes_that_are_read():
    for region in (KIND.whole, ((0, 2), (1, 2), (1, 1), (16, 32)), ((1, 1), (0, 5), (0, 2), (32, 16))):
        where = view(KIND, Location(Space.SRAM, 0), region, bricks=True)
        touched = np.zeros(KIND.bytes, bool)
        for extent in where.extents():
            for start in extent.run_starts():
                touched[start : start + extent.run_bytes] = True
        marked = np.zeros(KIND.bytes, np.uint8)
        where.write(marked, np.ones(where.shape, np.int8))
        np.testing.assert_array_equal(touched, marked.astype(bool))
        low, high = where.reach()
        assert (low, high) == (touched.argmax(), KIND.bytes - touched[::-1].argmax())


def test_a_tensor_that_gains_nothing_keeps_its_order():
    for shape in ((1, 4, 4, 16), (1, 4, 1, 32), (1, 4, 4, 24)):
        kind = TensorType(shape, "i8")
        assert view(kind, Location(Space.SRAM, 0), bricks=True) == view(kind, Location(Space.SRAM, 0))


def test_blocks_in_bricks_are_contiguous_over_their_columns():
    """What the estimator of the parity machines says: 16 channels of the block's columns; a core more writes as many more."""
    layout = Layout.of(view(TensorType((1, 8, 8, 64), "i8"), Location(Space.SRAM, 0), bricks=True))
    width, depth = np.array([8, 4]), np.array([32, 64])
    assert layout.read_run(width, depth).tolist() == [128, 64]
    assert layout.write_run(width, depth, 2).tolist() == [256, 128]
    assert Layout.of(view(TensorType((1, 8, 8, 64), "i8"), Location(Space.SRAM, 0))).write_run(width, depth, 2).tolist() == [32, 32]


def copy_of(where: Operand) -> Command:
    plain = Operand.dense(Space.SRAM, 1024, where.shape)
    return Command(Elementwise(kind=ElementwiseKind.COPY, a=where, ofm=plain), "core", "layer")


def test_a_program_holds_them_and_machines_without_them_refuse():
    where = view(replace(KIND, shape=(1, 5, 3, 48)), Location(Space.SRAM, 64), bricks=True)
    data = encode([copy_of(where)], U55.queue_names, ["layer"])
    sizes = {Space.SRAM: 1 << 16, Space.DRAM: 1 << 16}
    (found,) = decode(data, U55.queue_names, ["layer"], U55, sizes)
    assert found == copy_of(where)
    assert disassemble_operand(where).endswith("strides(720,144,16,1) bricks(48)")
    edge = targets.get("edge-256")
    assert any("does not know" in problem for problem in Legality(edge, sizes).problems(replace(copy_of(where), queue="vector")))


@pytest.mark.parametrize(
    "change", [{"shape": (1, 5, 3, 24)}, {"strides": (720, 144, 16, 2)}, {"brick_stride": -48}, {"brick_stride": 1 << 31}, {"brick_stride": 1 << 20}]
)
def test_bricks_that_are_none_are_refused(change):
    where = replace(view(replace(KIND, shape=(1, 5, 3, 48)), Location(Space.SRAM, 64), bricks=True), **change)
    assert list(Legality(U55, {Space.SRAM: 1 << 16, Space.DRAM: 1 << 16}).problems(copy_of(where)))


def test_a_type_with_an_unknown_layout_is_refused():
    from torch_mlir import ir

    from npuc.dialects import new_context
    from npuc.dialects.attrs import Placement, from_attr

    with new_context():
        assert from_attr(ir.Attribute.parse('#npu.space<"sram", 16, 0, "bricks">')) == Placement("sram", 16, 0, "bricks")
        with pytest.raises(UserInputError, match="wanted: nhwc or bricks"):
            from_attr(ir.Attribute.parse('#npu.space<"sram", 16, 0, "brick">'))


def test_values_between_ops_that_take_bricks_lie_in_them():
    """Not what the host brings or takes, nor what is too shallow, nor what a view reads."""
    drawing = Drawing()
    x = drawing.input(i8(1, 8, 8, 32))
    y = drawing.conv(x, 32)
    z = drawing.conv(y, 16)
    u = drawing.conv(z, 48)
    v = drawing.reshape(u, 1, 4, 16, 48)
    w = drawing.conv(v, 32)
    graph = drawing.graph(w)
    assert in_bricks(graph, U55).bricks == {y}
    assert in_bricks(graph, targets.get("edge-256")).bricks == frozenset()


def test_an_op_that_cuts_channels_takes_no_bricks_unless_they_are_whole():
    deep, shallow = i8(1, 4, 4, 32), i8(1, 4, 4, 24)
    assert Concat.of(deep, deep, axis=3).takes_bricks
    assert not Concat.of(deep, shallow, axis=3).takes_bricks
    assert Concat.of(shallow, shallow, axis=1).takes_bricks
    assert Slice.of(deep, starts=(0, 1, 0, 0), sizes=(1, 2, 4, 32), strides=(1, 1, 1, 1)).takes_bricks
    assert not Slice.of(deep, starts=(0, 0, 0, 0), sizes=(1, 4, 4, 16), strides=(1, 1, 1, 1)).takes_bricks


def deep_specs():
    """Ops that take bricks, on maps that lie in them; batches, ranks below four, other types and steps between columns among them."""
    scale = Rescale((1 << 30,), (38,))
    x, sums = i8(2, 6, 5, 32), TensorType((48,), "i32")
    yield Conv2d.of(x, i8(48, 3, 3, 32), sums, output=i8(), pads=(1, 0, 1, 1), rescale=scale)
    yield Conv2d.of(x, i8(48, 1, 1, 32), sums, output=TensorType((), "i32"), strides=(1, 2), rescale=scale)
    yield DepthwiseConv2d.of(x, i8(3, 3, 64), TensorType((64,), "i32"), output=i8(), pads=(0, 1, 1, 0), strides=(2, 1), rescale=scale)
    for other in (x, i8(1, 1, 1, 32), i8(5, 32), i8(2, 6, 1, 32), i8(2, 6, 5, 1)):
        yield Add.of(x, other, output=i8())
        yield Maximum.of(other, x)
    yield Mul.of(i8(6, 5, 32), i8(5, 32), output=i8())
    yield Clamp.of(x, lo=-5, hi=60)
    yield RescaleOp.of(x, output=TensorType((), "i32"))
    yield Table.of(i8(5, 48), i8(256))
    yield MaxPool2d.of(x, kernel=(2, 3), strides=(2, 1), pads=(1, 0, 0, 1))
    yield AvgPool2d.of(x, kernel=(2, 2), strides=(1, 2), rescale=average_rescale(1.0, (2, 2), False, 0, -128, 127))
    for axis, shape in ((0, (1, 6, 5, 32)), (1, (2, 3, 5, 32)), (2, (2, 6, 1, 32)), (3, (2, 6, 5, 16))):
        yield Concat.of(x, replace(x, shape=shape), axis=axis)
    yield Pad.of(x, pads=(1, 0, 1, 0, 0, 2, 0, 0), value=3)
    yield Slice.of(x, starts=(0, 1, 0, 0), sizes=(2, 2, 3, 32), strides=(1, 2, 2, 1))
    yield Resize.of(x, scale_y=(2, 1), scale_x=(3, 1), border=(0, 0), rounding="bilinear")
    for axes in ((1,), (2,)):
        yield Mean.of(x, axes=axes, keepdims=True)
    yield Mean.of(i8(1, 6, 5, 32), axes=(1, 2), keepdims=False)


@pytest.mark.parametrize("spec", list(deep_specs()), ids=lambda spec: f"{spec.name}-{spec.output}")
def test_the_commands_of_an_op_in_bricks_equal_its_reference(spec):
    """Each operand in bricks or not, with rings of rows; both engines, and no byte elsewhere."""
    seen = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        inputs = values(rng, spec)
        memory, arguments = place(rng, spec, inputs, U55)
        seen += any(one.brick_stride for one in (*arguments[0], arguments[1]))
        truth, output = memory.copy(), arguments[1]
        made = [Command(one, "core", "layer") for one in spec.emit(*arguments)]
        sizes = {Space.SRAM: memory.size, Space.DRAM: 16}
        for command in made:
            assert list(Legality(U55, sizes).problems(command)) == []
            assert command.instruction.cycles(U55) > 0
            command.instruction.effect({Space.SRAM: truth}, kernels)
        np.testing.assert_array_equal(output.read(truth), spec.reference(*inputs).reshape(output.shape))
        elsewhere = ~touched(memory.size, (output, arguments[3]))
        np.testing.assert_array_equal(truth[elsewhere], memory[elsewhere])
        if native.module() is not None:
            segment = NativeSegment(made, range(len(made)), memory.size, 16, 0, "auto")
            # numpy has what is left out
            assert segment.left_out == [] or spec.output.dtype == "i32"
            segment.run({Space.SRAM: memory, Space.DRAM: np.zeros(16, np.uint8)})
            if not segment.left_out:
                np.testing.assert_array_equal(memory, truth)
    assert seen > 1


def test_columns_left_out_between_bricks_cost_a_run_each():
    """Every second column of a map off-chip: as many runs as columns, and no fewer bytes than these."""
    whole = view(TensorType((1, 56, 56, 96), "i8"), Location(Space.DRAM, 0), bricks=True)
    second = replace(whole, shape=(1, 56, 28, 96), strides=(*whole.strides[:2], 2 * whole.strides[2], 1))
    dense = view(TensorType((1, 56, 28, 96), "i8"), Location(Space.SRAM, 0))
    u65 = targets.get("u65-512-dram")
    moved = Elementwise(kind=ElementwiseKind.COPY, a=second, ofm=dense).cost(u65)[1][Space.DRAM]
    assert moved >= second.traffic_bytes(u65.dram.burst_bytes) == 56 * 28 * 6 * 128


@pytest.mark.skipif(native.module() is None, reason="npuc._native is not built (no C++ compiler at installation)")
@pytest.mark.parametrize("seed", range(30))
def test_the_native_race_proof_proves_nothing_that_python_does_not(seed):
    """Views in bricks with any strides that a program file may hold, and others that it may not."""
    rng = np.random.default_rng(seed)
    sizes = {Space.SRAM: 4096, Space.DRAM: 256}
    dtype, proved = DType(int(rng.integers(3))), 0
    for _ in range(40):
        strides = [int(rng.choice([1, 2, 3, 16, 32, 48, 64, 96, -2, -16])) * int(rng.choice([1, dtype.bytes])) for _ in range(3)]
        shape = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), int(rng.integers(1, 4)), 16 * int(rng.integers(1, 4)))
        view_ = Operand(Space.SRAM, dtype, 1024, shape, (*strides, dtype.bytes), brick_stride=int(rng.choice([2, 16, 32, 48, 96])) * dtype.bytes)
        read = Command(Elementwise(kind=ElementwiseKind.COPY, a=view_, ofm=Operand.dense(Space.SRAM, 3072, shape, dtype)), "core", "layer")
        written = hazards.Written(sizes)
        written.mark(Space.SRAM, 1024, 1024 + int(rng.integers(2, 400)))
        sound = covers(view_, written.bytes[Space.SRAM])
        proved += hazards._race_free([read], U55, written)
        assert sound or not hazards._race_free([read], U55, written)
    assert proved


def covers(where: Operand, flags: np.ndarray) -> bool:
    """Whether every byte that a view reads is flagged, by numpy alone."""
    shape = (*where.shape[:3], where.shape[3] // BRICK, BRICK * where.dtype.bytes)
    at = where.base + sum(
        np.arange(count).reshape([-1 if i == k else 1 for i in range(5)]) * step
        for k, (count, step) in enumerate(zip(shape, (*where.strides[:3], where.brick_stride, 1), strict=True))
    )
    return bool(at.min() >= 0 and at.max() < flags.size and flags[at].all())


def network():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            conv = torch.nn.Conv2d
            self.stem, self.expand = conv(3, 32, 3, 2, 1), conv(32, 96, 1)
            self.depthwise, self.project = conv(96, 96, 3, 1, 1, groups=96), conv(96, 32, 1)
            self.pool, self.last = torch.nn.MaxPool2d(2), conv(64, 48, 3, padding=1)

        def forward(self, x):
            x = self.stem(x).relu()
            y = x + self.project(self.depthwise(self.expand(x).relu()).relu())
            return self.last(torch.cat([self.pool(x), self.pool(y)], 1)).mean((2, 3))

    return Net().eval(), torch.randn(4, 1, 3, 32, 32)


@pytest.mark.parametrize(("target", "kib"), [("u55-128", 48), ("u65-512-dram", 24)])
def test_a_network_in_bricks_computes_the_same(target, kib, tmp_path):
    """Both engines, the module after every pass, and the same program without them."""
    model, samples = network()
    plain = npuc.compile(model, (samples[0],), calibration=[(x,) for x in samples], target=target, sram_kib=kib, without=["bricks"])
    saved = tmp_path / "schedule.json"
    made = npuc.compile(model, (samples[0],), calibration=[(x,) for x in samples], target=target, sram_kib=kib, validate=True)
    saved.write_text(json.dumps(made.schedule))
    views = [value for command in commands(made) for value in vars(command.instruction).values() if isinstance(value, Operand)]
    assert any(one.brick_stride for one in views)
    assert not any(isinstance(value, Operand) and value.brick_stride for command in commands(plain) for value in vars(command.instruction).values())
    x = samples[1].numpy()
    truth = plain.run(x)
    for engine in ("numpy", "auto"):
        np.testing.assert_array_equal(load(made.program, engine).run(x), truth)
    again = npuc.compile(model, (samples[0],), calibration=[(x,) for x in samples], target=target, sram_kib=kib, schedule=saved)
    assert again.program.to_bytes() == made.program.to_bytes()


def test_chunks_of_channels_outside_stripes_are_stored_in_bricks(tmp_path):
    """Every convolution by itself, its chunks of output channels outside: 48 channels in two parts are bricks of 32 and 16."""
    model, samples = network()
    options = {"calibration": [(x,) for x in samples], "target": "u65-512-dram", "sram_kib": 48}
    plain = npuc.compile(model, (samples[0],), without=["bricks"], **options)
    found = npuc.compile(model, (samples[0],), **options).schedule
    one = {"stripe_rows": 4, "stream": [False], "keep": [], "ahead": True, "direct": [], "far": []}
    found["groups"] = [
        one | {"nodes": [number], "chunks": [2 if layer["op"] == "conv2d" else 1], "outer": "channels" if layer["op"] == "conv2d" else "rows"}
        for number, layer in enumerate(found["layers"])
    ]
    found |= {"fetch": [], "join_bytes": 0, "bricks": True, "peak_sram_bytes": 0}
    saved = tmp_path / "schedule.json"
    saved.write_text(json.dumps(found))
    made = npuc.compile(model, (samples[0],), schedule=saved, validate=True, **options)
    stored = [command.instruction for command in commands(made) if isinstance(command.instruction, Dma) and command.instruction.dst.space is Space.DRAM]
    assert {one.dst.shape[3] for one in stored if one.dst.brick_stride} >= {32}
    for engine in ("numpy", "auto"):
        np.testing.assert_array_equal(load(made.program, engine).run(samples[1].numpy()), plain.run(samples[1].numpy()))


def commands(compiled):
    return [command for segment in compiled.program.segments if hasattr(segment, "commands") for command in segment.commands]
