# SPDX-License-Identifier: Apache-2.0
"""Random TOSA modules: ops of profile PRO-INT one after the other, and the groups that converters from TFLite write."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from torch_mlir import ir

from npuc.dialects.base import mlir_type
from npuc.fuzz.net import MAX_ELEMENTS, Net
from npuc.numerics.scales import quantize_scale
from npuc.ops.base import TensorType

_LEAST_OPS, _MOST_OPS = 4, 16
_ATTEMPTS = 200

Draw = Callable[["TosaNet"], ir.Value]
One = TypeVar("One", bound=Draw)
DRAWS: list[Draw] = []


def draw(kinds: int = 1) -> Callable[[One], One]:
    """Registers a function that draws one of so many kinds of ops: each kind is as likely as any other."""

    def register(function: One) -> One:
        DRAWS.extend([function] * kinds)
        return function

    return register


def random_module(rng: np.random.Generator) -> ir.Module:
    """A module with one function `main`; the context is entered."""
    net = TosaNet(rng)
    net.argument(TensorType((net.pick(1, 1, 2), net.upto(14), net.upto(14), net.upto(12)), "i8"))
    if net.chance(0.3):
        net.argument(TensorType(net.extents(net.upto(4)), net.pick("i8", "i16", "i32", "i1")))
    wanted = net.upto(_MOST_OPS, _LEAST_OPS)
    for _ in range(_ATTEMPTS):
        if net.count >= wanted:
            break
        try:
            net.pick(*DRAWS)(net)
        except ValueError:
            # what was drawn does not go together
            continue
    return net.returns()


class TosaNet(Net):
    """Writes `main` in TOSA."""

    def tosa(self, name: str, *operands: ir.Value, output: TensorType, **attributes: str) -> ir.Value:
        """Adds an op; attributes in MLIR's words.

        Raises:
            ValueError: the op is not well formed, or its result is empty or large.
        """
        if min(output.shape, default=1) < 1:
            raise ValueError(f"{output} is empty")
        if output.elements > MAX_ELEMENTS:
            raise ValueError(f"{output} is large")
        parsed = {key: ir.Attribute.parse(text) for key, text in attributes.items()}
        with ir.InsertionPoint(self._block):
            location = ir.Location.name(f"{name}{self.count + 1}")
            made = ir.Operation.create(f"tosa.{name}", results=[mlir_type(output)], operands=list(operands), attributes=parsed, loc=location)
        if not _sound(made):
            made.erase()
            raise ValueError(f"tosa.{name} is not well formed")
        self.count += 1
        for value in operands:
            self._unread.pop(value, None)
        self._add(made.results[0])
        return made.results[0]

    def constant(self, array: np.ndarray) -> ir.Value:
        kind = TensorType(array.shape, {"bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32"}[str(array.dtype)])
        element = mlir_type(kind).element_type
        data = np.packbits(array, axis=None, bitorder="little") if kind.dtype == "i1" else array
        values = ir.DenseElementsAttr.get(np.ascontiguousarray(data), type=element, shape=kind.shape)
        with ir.InsertionPoint(self._block):
            return ir.Operation.create("tosa.const", results=[mlir_type(kind)], attributes={"values": values}).results[0]

    def level(self, value: ir.Value) -> ir.Value:
        """A second operand of the same rank, as TOSA wants it."""
        other = self.peer(value)
        rank, shape = len(self.type(value).shape), self.type(other).shape
        if len(shape) == rank:
            return other
        shape = (1,) * (rank - len(shape)) + shape
        return self.tosa("reshape", other, self.shape(*shape), output=replace(self.type(other), shape=shape))

    def number(self, value: int, dtype: str = "i8") -> ir.Value:
        """A constant of one element."""
        return self.constant(np.array([value], {"i8": np.int8, "i16": np.int16, "i32": np.int32}[dtype]))

    def shape(self, *extents: int) -> ir.Value:
        """A value of type !tosa.shape."""
        kind = ir.Type.parse(f"!tosa.shape<{len(extents)}>")
        text = f"dense<[{', '.join(map(str, extents))}]> : tensor<{len(extents)}xindex>"
        with ir.InsertionPoint(self._block):
            return ir.Operation.create("tosa.const_shape", results=[kind], attributes={"values": ir.Attribute.parse(text)}).results[0]

    def extent_of(self, row: ir.Value) -> ir.Value:
        """The extent of a value of one dimension, as a !tosa.shape."""
        attributes = {"axis": ir.Attribute.parse("0 : i32")}
        with ir.InsertionPoint(self._block):
            return ir.Operation.create("tosa.dim", results=[ir.Type.parse("!tosa.shape<1>")], operands=[row], attributes=attributes).results[0]

    def rescaled(self, x: ir.Value, dtype: str, scale: float, zp_in: int = 0, zp_out: int = 0, double: bool | None = None, channels: bool = False) -> ir.Value:
        """tosa.rescale by about `scale`."""
        kind = self.type(x)
        count = kind.shape[-1] if channels and kind.shape else 1
        pairs = [quantize_scale(scale * float(self.rng.uniform(0.5, 1))) for _ in range(count)]
        multiplier, shift = np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int8)
        double = self.chance(0.5) if double is None else double
        mode = f"#tosa.rounding_mode<{'DOUBLE' if double else 'SINGLE'}_ROUND>"
        return self.tosa(
            "rescale", x, self.constant(multiplier), self.constant(shift), self.number(zp_in, kind.dtype), self.number(zp_out, dtype),
            output=replace(kind, dtype=dtype), scale32="true", rounding_mode=mode, per_channel=_flag(channels and bool(kind.shape)),
            input_unsigned="false", output_unsigned="false",
        )  # fmt: skip

    def _converted(self, dtype: str) -> ir.Value:
        x = self._found(("i8",), None) or self.argument(TensorType((1, 4, 4, 3), "i8"))
        match dtype:
            case "i8":
                return x
            case "i16" | "i32" if self.chance(0.5):
                return self.rescaled(x, dtype, 50.0, self.zero_point())
            case "i1" | "i16" | "i32":
                return self.tosa("cast", x, output=TensorType(self.type(x).shape, dtype))
        raise ValueError(f"nothing makes a value of {dtype}")

    def _ranked(self, value: ir.Value, rank: int) -> ir.Value:
        kind = self.type(value)
        if len(kind.shape) == rank:
            return value
        shape = self.factored(kind.elements, rank)
        return self.tosa("reshape", value, self.shape(*shape), output=replace(kind, shape=shape))


def _sound(op: ir.Operation) -> bool:
    try:
        return op.verify()
    except ir.MLIRError:
        return False


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _integers(values: tuple[int, ...], width: int = 64) -> str:
    return f"array<i{width}: {', '.join(map(str, values))}>"


def _axis(axis: int) -> str:
    return f"{axis} : i32"


# products --------------------------------------------------------------------------------------------


def _exact_window(net: Net, extent: int) -> tuple[int, int, int, int, int, int]:
    """A window that ends at the image's end, as TOSA wants it, with the extent of the result."""
    kernel, stride, dilation, before, after = net.window(extent)
    reach = (kernel - 1) * dilation + 1
    after += -(extent + before + after - reach) % stride
    return kernel, stride, dilation, before, after, (extent + before + after - reach) // stride + 1


def _narrow(net: TosaNet, value: ir.Value, fan_in: int) -> ir.Value:
    """Accumulators, most often rescaled to i8."""
    if net.chance(0.15):
        return value
    return net.rescaled(value, "i8", 0.01 / fan_in**0.5, 0, net.zero_point(), channels=net.chance(0.5))


def _bias(net: TosaNet, channels: int) -> ir.Value:
    return net.constant(net.array(TensorType((net.pick(channels, channels, 1),), "i32")))


@draw()
def conv2d(net: TosaNet) -> ir.Value:
    x = net.image()
    n, height, width, channels = net.type(x).shape
    (kh, sh, dh, top, bottom, rows), (kw, sw, dw, left, right, columns) = _exact_window(net, height), _exact_window(net, width)
    out = net.upto(10)
    value = net.tosa(
        "conv2d", x, net.constant(net.array(TensorType((out, kh, kw, channels), "i8"))), _bias(net, out), net.number(net.zero_point()),
        net.number(net.pick(0, net.zero_point())), output=TensorType((n, rows, columns, out), "i32"), acc_type="i32",
        dilation=_integers((dh, dw)), pad=_integers((top, bottom, left, right)), stride=_integers((sh, sw)),
    )  # fmt: skip
    return _narrow(net, value, kh * kw * channels)


@draw()
def depthwise_conv2d(net: TosaNet) -> ir.Value:
    x = net.image()
    n, height, width, channels = net.type(x).shape
    (kh, sh, dh, top, bottom, rows), (kw, sw, dw, left, right, columns) = _exact_window(net, height), _exact_window(net, width)
    multiplier = net.pick(1, 1, 2, 3)
    value = net.tosa(
        "depthwise_conv2d", x, net.constant(net.array(TensorType((kh, kw, channels, multiplier), "i8"))), _bias(net, channels * multiplier),
        net.number(net.zero_point()), net.number(net.pick(0, net.zero_point())), output=TensorType((n, rows, columns, channels * multiplier), "i32"),
        acc_type="i32", dilation=_integers((dh, dw)), pad=_integers((top, bottom, left, right)), stride=_integers((sh, sw)),
    )  # fmt: skip
    return _narrow(net, value, kh * kw)


@draw()
def conv3d(net: TosaNet) -> ir.Value:
    x = net.value("i8", rank=5)
    n, *extents, channels = net.type(x).shape
    windows = [_exact_window(net, extent) for extent in extents]
    kernel, stride, dilation, before, after, result = (tuple(column) for column in zip(*windows, strict=True))
    out = net.upto(4)
    return net.tosa(
        "conv3d", x, net.constant(net.array(TensorType((out, *kernel, channels), "i8"))), _bias(net, out), net.number(net.zero_point()),
        net.number(net.zero_point()), output=TensorType((n, *result, out), "i32"), acc_type="i32", dilation=_integers(dilation),
        pad=_integers(tuple(pad for pair in zip(before, after, strict=True) for pad in pair)), stride=_integers(stride),
    )  # fmt: skip


@draw(3)
def transpose_conv2d(net: TosaNet) -> ir.Value:
    x = net.image()
    n, height, width, channels = net.type(x).shape
    (kh, kw), (sh, sw), out = (net.upto(4), net.upto(4)), (net.upto(3), net.upto(3)), net.upto(6)
    pads = (net.upto(2, 1 - kh), net.upto(2, 1 - kh), net.upto(2, 1 - kw), net.upto(2, 1 - kw))
    rows, columns = (height - 1) * sh + pads[0] + pads[1] + kh, (width - 1) * sw + pads[2] + pads[3] + kw
    if min(rows, columns) < 1:
        raise ValueError("the result is empty")
    value = net.tosa(
        "transpose_conv2d", x, net.constant(net.array(TensorType((out, kh, kw, channels), "i8"))), _bias(net, out), net.number(net.zero_point()),
        net.number(net.pick(0, net.zero_point())), output=TensorType((n, rows, columns, out), "i32"), acc_type="i32", out_pad=_integers(pads),
        stride=_integers((sh, sw)),
    )  # fmt: skip
    return _narrow(net, value, kh * kw * channels)


@draw(2)
def matmul(net: TosaNet) -> ir.Value:
    a = net.value("i8", rank=3)
    n, rows, depth = net.type(a).shape
    columns = net.upto(10)
    kind, flipped = TensorType((n, depth, columns), "i8"), TensorType((n, columns, depth), "i8")
    later = net.chance(0.4)
    b = net.constant(net.array(flipped if later else kind)) if net.chance(0.5) else net.argument(flipped if later else kind)
    value = net.tosa(
        "matmul_t" if later else "matmul", a, b, net.number(net.zero_point()), net.number(net.zero_point()), output=TensorType((n, rows, columns), "i32")
    )
    return _narrow(net, value, depth)


# sums, products and bounds between rescales -------------------------------------------------------------


@draw(3)
def quantized_sum(net: TosaNet) -> ir.Value:
    """As a converter from TFLite writes ADD, SUB and MUL."""
    a = net.value("i8")
    b = net.level(a)
    name, double = net.pick("add", "sub", "mul"), net.chance(0.5)
    zero_points = net.zero_point(), net.zero_point()
    if name == "mul":
        wide = [_widened(net, value, zp, double) for value, zp in zip((a, b), zero_points, strict=True)]
        shape = np.broadcast_shapes(net.type(a).shape, net.type(b).shape)
        total = net.tosa("mul", *wide, net.number(0), output=TensorType(tuple(shape), "i32"))
        return net.rescaled(total, "i8", 0.02, 0, net.zero_point(), double)
    wide = [net.rescaled(value, "i32", float(1 << 19), zp, 0, double) for value, zp in zip((a, b), zero_points, strict=True)]
    shape = np.broadcast_shapes(net.type(a).shape, net.type(b).shape)
    total = net.tosa(name, *wide, output=TensorType(tuple(shape), "i32"))
    return net.rescaled(total, "i8", 2.0**-19, 0, net.zero_point(), double)


def _widened(net: TosaNet, x: ir.Value, zero_point: int, double: bool) -> ir.Value:
    """The same value in i32, less its zero point."""
    mode = f"#tosa.rounding_mode<{'DOUBLE' if double else 'SINGLE'}_ROUND>"
    return net.tosa(
        "rescale", x, net.number(1 << 30, "i32"), net.number(30), net.number(zero_point), net.number(0, "i32"),
        output=replace(net.type(x), dtype="i32"), scale32="true", rounding_mode=mode, per_channel="false", input_unsigned="false",
        output_unsigned="false",
    )  # fmt: skip


@draw()
def clamp(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16")
    low, high = sorted((net.upto(127, -128), net.upto(127, -128)))
    dtype = net.type(x).dtype
    return net.tosa("clamp", x, output=net.type(x), min_val=f"{low} : {dtype}", max_val=f"{high} : {dtype}")


@draw(2)
def rescale(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16", "i32")
    source, result = net.type(x).dtype, net.pick("i8", "i8", "i16", "i32")
    scale = {"i8": 1.0, "i16": 0.01, "i32": 0.001}[source] * {"i8": 1.0, "i16": 100.0, "i32": 1000.0}[result]
    zp_in, zp_out = net.zero_point() if source == "i8" else 0, net.zero_point() if result == "i8" else 0
    if source == result == "i8" and net.chance(0.4):
        return _unsigned(net, x)
    return net.rescaled(x, result, scale, zp_in, zp_out, channels=net.chance(0.4))


def _unsigned(net: TosaNet, x: ir.Value) -> ir.Value:
    """Between int8 and uint8, as a network of uint8 has it at its edges."""
    inward = net.chance(0.5)
    return net.tosa(
        "rescale", x, net.number(1 << 30, "i32"), net.number(30), net.number(-128 if inward else 0), net.number(0 if inward else -128),
        output=net.type(x), scale32="true", rounding_mode="#tosa.rounding_mode<SINGLE_ROUND>", per_channel="false", input_unsigned=_flag(inward),
        output_unsigned=_flag(not inward),
    )  # fmt: skip


# elementwise -----------------------------------------------------------------------------------------


@draw(4)
def unary(net: TosaNet) -> ir.Value:
    name, dtypes = net.pick(("abs", ("i32",)), ("bitwise_not", ("i8", "i16", "i32")), ("clz", ("i32",)), ("logical_not", ("i1",)))
    x = net.value(*dtypes)
    return net.tosa(name, x, output=net.type(x))


@draw()
def negate(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16", "i32")
    dtype = net.type(x).dtype
    first, second = (net.zero_point() if dtype == "i8" else 0 for _ in range(2))
    return net.tosa("negate", x, net.number(first, dtype), net.number(second, dtype), output=net.type(x))


@draw()
def table(net: TosaNet) -> ir.Value:
    x = net.value("i8")
    return net.tosa("table", x, net.constant(net.array(TensorType((256,), "i8"))), output=net.type(x))


@draw(14)
def binary(net: TosaNet) -> ir.Value:
    # values of i1 are rare, and an op on them more so than on others
    logic = ("logical_and", "logical_or", "logical_xor") * 2
    name = net.pick("add", "sub", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor", "equal", "greater", "greater_equal", *logic)
    dtypes = ("i1",) if name.startswith("logical") else ("i8", "i16", "i32") if name.startswith("bitwise") else ("i32",)
    a = net.value(*dtypes)
    b = net.level(a)
    shape = tuple(np.broadcast_shapes(net.type(a).shape, net.type(b).shape))
    dtype = "i1" if name in ("equal", "greater", "greater_equal") else net.type(a).dtype
    return net.tosa(name, a, b, output=TensorType(shape, dtype))


@draw()
def wide_product(net: TosaNet) -> ir.Value:
    a = net.value("i8", "i16", "i32")
    b = net.level(a)
    shape = tuple(np.broadcast_shapes(net.type(a).shape, net.type(b).shape))
    shift = net.upto(40, 0) if net.type(a).dtype == "i32" else 0
    return net.tosa("mul", a, b, net.number(shift), output=TensorType(shape, "i32"))


@draw(3)
def shift(net: TosaNet) -> ir.Value:
    name = net.pick("arithmetic_right_shift", "logical_left_shift", "logical_right_shift")
    x = net.value("i8", "i16", "i32")
    kind = net.type(x)
    counts = net.array(replace(kind, shape=tuple(net.pick(1, extent) for extent in kind.shape)))
    more = {"round": _flag(net.chance(0.5))} if name == "arithmetic_right_shift" else {}
    return net.tosa(name, x, net.constant((counts % (8 * counts.itemsize)).astype(counts.dtype)), output=kind, **more)


@draw()
def intdiv(net: TosaNet) -> ir.Value:
    x = net.value("i32")
    values = net.array(net.type(x))
    return net.tosa("intdiv", x, net.constant(np.where(values == 0, 3, values).astype(np.int32)), output=net.type(x))


@draw()
def cast(net: TosaNet) -> ir.Value:
    x = net.value("i1", "i8", "i16", "i32")
    return net.tosa("cast", x, output=replace(net.type(x), dtype=net.pick("i1", "i8", "i16", "i32")))


@draw()
def select(net: TosaNet) -> ir.Value:
    a = net.value("i8", "i16", "i32", "i1")
    condition = net.tosa("cast", a, output=replace(net.type(a), dtype="i1")) if net.type(a).dtype != "i1" else a
    b = net.level(a)
    shape = tuple(np.broadcast_shapes(net.type(a).shape, net.type(b).shape))
    return net.tosa("select", condition, a, b, output=replace(net.type(a), shape=shape))


@draw()
def identity(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i32")
    return net.tosa("identity", x, output=net.type(x))


# windows and reductions --------------------------------------------------------------------------------


@draw(3)
def pool(net: TosaNet) -> ir.Value:
    x = net.image()
    n, height, width, channels = net.type(x).shape
    windows = []
    for extent in (height, width):
        kernel, stride, before, after = net.upto(min(4, extent)), net.upto(3), 0, 0
        if net.chance(0.5):
            before, after = net.upto(kernel - 1, 0), net.upto(kernel - 1, 0)
        after += -(extent + before + after - kernel) % stride
        windows.append((kernel, stride, before, after, (extent + before + after - kernel) // stride + 1))
    (kh, sh, top, bottom, rows), (kw, sw, left, right, columns) = windows
    window = {"kernel": _integers((kh, kw)), "stride": _integers((sh, sw)), "pad": _integers((top, bottom, left, right))}
    output = TensorType((n, rows, columns, channels), "i8")
    if net.chance(0.5):
        return net.tosa("max_pool2d", x, output=output, **window)
    zero_point = net.zero_point()
    return net.tosa("avg_pool2d", x, net.number(zero_point), net.number(zero_point), output=output, acc_type="i32", **window)


@draw(2)
def adaptive_pool(net: TosaNet) -> ir.Value:
    """Of the next TOSA: kernel, stride and padding are shapes."""
    x = net.image()
    n, height, width, channels = net.type(x).shape
    kh, kw = net.upto(min(4, height)), net.upto(min(4, width))
    shapes = [net.shape(kh, kw), net.shape(1, 1), net.shape(0, 0, 0, 0)]
    output = TensorType((n, height - kh + 1, width - kw + 1, channels), "i8")
    if net.chance(0.5):
        return net.tosa("max_pool2d_adaptive", x, *shapes, output=output)
    return net.tosa("avg_pool2d_adaptive", x, net.number(0), net.number(0), *shapes, output=output, acc_type="i32")


@draw(5)
def reduce(net: TosaNet) -> ir.Value:
    name, dtypes = net.pick(("max", ("i8", "i16")), ("min", ("i8", "i16", "i32")), ("sum", ("i32",)), ("all", ("i1",)), ("any", ("i1",)))
    x = net.value(*dtypes)
    kind = net.type(x)
    axis = net.upto(len(kind.shape) - 1, 0)
    shape = (*kind.shape[:axis], 1, *kind.shape[axis + 1 :])
    return net.tosa(f"reduce_{name}", x, output=replace(kind, shape=shape), axis=_axis(axis))


@draw()
def argmax(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i16")
    shape = net.type(x).shape
    axis = net.upto(len(shape) - 1, 0)
    return net.tosa("argmax", x, output=TensorType((*shape[:axis], *shape[axis + 1 :]), "i32"), axis=_axis(axis))


# movement ----------------------------------------------------------------------------------------------


@draw()
def concat(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16", "i32", "i1")
    kind = net.type(x)
    axis, extent = net.upto(len(kind.shape) - 1, 0), net.upto(4)
    other = net.constant(net.array(replace(kind, shape=(*kind.shape[:axis], extent, *kind.shape[axis + 1 :]))))
    values = [x, other, x]
    extents = [net.type(value).shape for value in values]
    shape = (*kind.shape[:axis], sum(one[axis] for one in extents), *kind.shape[axis + 1 :])
    return net.tosa("concat", *values, output=replace(kind, shape=shape), axis=_axis(axis))


@draw()
def pad(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16", "i32", "i1")
    kind = net.type(x)
    pads = tuple(net.upto(2, 0) for _ in range(2 * len(kind.shape)))
    shape = tuple(extent + pads[2 * i] + pads[2 * i + 1] for i, extent in enumerate(kind.shape))
    value = net.constant(net.array(replace(kind, shape=(1,))))
    return net.tosa("pad", x, net.shape(*pads), value, output=replace(kind, shape=shape))


@draw(3)
def reshape(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16", "i32")
    kind = net.type(x)
    shape = net.factored(kind.elements, net.upto(5))
    match net.upto(3):
        case 1:
            return net.tosa("reshape", x, net.shape(*shape), output=replace(kind, shape=shape))
        case 2:
            # of the next TOSA, and of plain values all the same
            block = {"block_size": "#tosa.block_size<BLOCK_SIZE_1>", "operandSegmentSizes": _integers((1, 1), 32)}
            return net.tosa("reshape_block_scaled", x, net.shape(*shape), output=replace(kind, shape=shape), **block)
        case _:
            flat = replace(kind, shape=(kind.elements,))
            row = net.tosa("reshape", x, net.shape(kind.elements), output=flat)
            return net.tosa("reshape", x, net.extent_of(row), output=flat)


@draw()
def reverse(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i16", "i32", "i1")
    return net.tosa("reverse", x, output=net.type(x), axis=_axis(net.upto(len(net.type(x).shape) - 1, 0)))


@draw()
def cut(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16", "i32")
    kind = net.type(x)
    starts = tuple(net.upto(extent - 1, 0) for extent in kind.shape)
    sizes = tuple(net.upto(extent - start) for extent, start in zip(kind.shape, starts, strict=True))
    return net.tosa("slice", x, net.shape(*starts), net.shape(*sizes), output=replace(kind, shape=sizes))


@draw()
def tile(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i16", "i32")
    kind = net.type(x)
    counts = tuple(net.pick(1, 1, 2, 3) for _ in kind.shape)
    shape = tuple(extent * count for extent, count in zip(kind.shape, counts, strict=True))
    return net.tosa("tile", x, net.shape(*counts), output=replace(kind, shape=shape))


@draw()
def transpose(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i8", "i16", "i32")
    kind = net.type(x)
    perm = tuple(int(i) for i in net.rng.permutation(len(kind.shape)))
    return net.tosa("transpose", x, output=replace(kind, shape=tuple(kind.shape[i] for i in perm)), perms=_integers(perm, 32))


@draw(3)
def gather(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i16", "i32", rank=3)
    kind = net.type(x)
    n, rows, channels = kind.shape
    count, later = net.upto(5), net.upto(min(2, rows)) if net.chance(0.6) else 0
    numbers = net.constant(net.rng.integers(0, rows - max(later - 1, 0), (n, count)).astype(np.int32))
    if later:
        output = replace(kind, shape=(n, count * later, channels))
        block = {"block_size": "#tosa.block_size<BLOCK_SIZE_1>", "operandSegmentSizes": _integers((1, 1, 1), 32)} if net.chance(0.5) else {}
        return net.tosa("row_gather_block_scaled" if block else "row_gather", x, numbers, net.number(later, "i32"), output=output, **block)
    return net.tosa("gather", x, numbers, output=replace(kind, shape=(n, count, channels)))


@draw()
def scatter(net: TosaNet) -> ir.Value:
    x = net.value("i8", "i16", "i32", rank=3)
    kind = net.type(x)
    n, rows, channels = kind.shape
    count = net.upto(rows)
    numbers = np.stack([net.rng.permutation(rows)[:count] for _ in range(n)]).astype(np.int32)
    values = net.constant(net.array(replace(kind, shape=(n, count, channels))))
    return net.tosa("scatter", x, net.constant(numbers), values, output=kind)


@draw()
def resize(net: TosaNet) -> ir.Value:
    x = net.image()
    n, height, width, channels = net.type(x).shape
    bilinear = net.chance(0.4)
    axes = []
    for extent in (height, width):
        up, down = net.pick((1, 1), (2, 1), (4, 2), (3, 2), (net.upto(6), net.upto(4)))
        offset = net.pick(0, 0, net.upto(up - 1, 0))
        border = -((extent - 1) * up - offset) % down
        axes.append((up, down, offset, border, ((extent - 1) * up - offset + border) // down + 1))
    (ny, dy, oy, by, rows), (nx, dx, ox, bx, columns) = axes
    mode = "BILINEAR" if bilinear else "NEAREST_NEIGHBOR"
    return net.tosa(
        "resize", x, net.shape(ny, dy, nx, dx), net.shape(oy, ox), net.shape(by, bx),
        output=TensorType((n, rows, columns, channels), "i32" if bilinear else "i8"), mode=f"#tosa.resize_mode<{mode}>",
    )  # fmt: skip
