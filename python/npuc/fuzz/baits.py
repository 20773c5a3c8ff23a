# SPDX-License-Identifier: Apache-2.0
"""Groups of ops as rewrite patterns look for them; between ops drawn one by one they would hardly ever meet.

A bait writes the first ops of a pattern and lets the network read them next (`Net.hint`), so that what follows has all the freedom it
has anywhere.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from torch_mlir import ir

from npuc.dialects.base import mlir_type
from npuc.fuzz.net import Net
from npuc.fuzz.ops import draws
from npuc.fuzz.ops.squared_difference import difference
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import RANGES
from npuc.ops.avg_pool2d import average_rescale
from npuc.ops.base import TensorType

Bait = Callable[[Net], None]
One = TypeVar("One", bound=Bait)
BAITS: list[Bait] = []

TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
_IDENTITY = Rescale((1 << 30,), (30,))
_WINDOWS = ("conv2d", "depthwise_conv2d", "avg_pool2d", "max_pool2d")
_ANY_LAYOUT = ("clamp", "table", "rescale", "quantize", "add", "sub", "mul", "concat", "pad", "slice", "mean")
_ZERO_POINTS = ("conv2d", "depthwise_conv2d", "fully_connected", "add", "sub", "mul")
_MAPS = ("rescale", "clamp", "table")
_KEEP_CHANNELS = ("conv2d", "conv2d", "depthwise_conv2d", "avg_pool2d", "max_pool2d", "add", "mul", "maximum", "concat", "pad", "slice", "resize", *_MAPS)


def bait(kinds: int = 1) -> Callable[[One], One]:
    """Registers a function that writes one of so many kinds of groups: each kind is as likely as any other."""

    def register(function: One) -> One:
        BAITS.extend([function] * kinds)
        return function

    return register


def draw(net: Net, name: str) -> ir.Value:
    """One op, drawn as anywhere."""
    return draws()[name](net)


def transposed(net: Net, value: ir.Value, perm: tuple[int, ...]) -> ir.Value:
    return net.op("transpose", value, perm=perm)


def reshaped(net: Net, value: ir.Value, *shape: int) -> ir.Value:
    return net.op("reshape", value, output=replace(net.type(value), shape=shape))


# folding -------------------------------------------------------------------------------------------


@bait(12)
def constants_alone(net: Net) -> None:
    """An op all of whose operands are constants."""
    with net.folding():
        draw(net, net.pick(*draws()))


@bait()
def constant_of_mlir(net: Net) -> None:
    """An arith.constant, as importers leave it."""
    x = net.value("i8", "f32")
    kind = net.type(x)
    with net.inserting():
        attributes = {"value": ir.DenseElementsAttr.get(net.array(kind), type=mlir_type(kind).element_type, shape=kind.shape)}
        made = ir.Operation.create("arith.constant", results=[mlir_type(kind)], attributes=attributes).results[0]
    if kind.dtype == "i8":
        net.op(net.pick("maximum", "minimum"), x, made)
    else:
        net.op("float_binary", x, made, kind="add")


# pads ----------------------------------------------------------------------------------------------


@bait(4)
def pad_before_window(net: Net) -> None:
    """A pad as large as a window may have it, which makes it the window's own; or any other, which may reach further than the window."""
    x, zero_point = net.image(), net.zero_point()
    kernel = net.upto(4, 2), net.upto(4, 2)
    name = net.pick(*_WINDOWS)
    if name == "max_pool2d" and net.chance(0.7):
        zero_point = -128
    rows, columns = (net.pick((extent // 2, extent // 2), (0, extent - 1), (net.upto(extent - 1, 0), net.upto(extent - 1, 0))) for extent in kernel)
    value = net.op("pad", x, pads=(0, 0, *rows, *columns, 0, 0), value=zero_point)
    if net.chance(0.2):
        net.hint(value, zero_point)
        draw(net, name)
    else:
        _window(net, name, value, kernel, zero_point)


def _window(net: Net, name: str, x: ir.Value, kernel: tuple[int, int], zero_point: int) -> ir.Value:
    """A window op without padding."""
    channels, strides = net.type(x).shape[3], net.pick((1, 1), (1, 1), (2, 2), (net.upto(3), net.upto(3)))
    match name:
        case "max_pool2d":
            return net.op(name, x, kernel=kernel, strides=strides)
        case "avg_pool2d":
            records = average_rescale(float(net.rng.uniform(0.3, 3)), kernel, net.chance(0.3), zero_point, *RANGES["i8"])
            return net.op(name, x, kernel=kernel, strides=strides, zp_x=zero_point, rescale=records)
    out = channels if name == "depthwise_conv2d" else net.upto(8)
    shape = (*kernel, out) if name == "depthwise_conv2d" else (out, *kernel, channels)
    weights, bias = net.constant(net.array(TensorType(shape, "i8"))), net.constant(net.array(TensorType((out,), "i32")))
    fan_in = kernel[0] * kernel[1] * (1 if name == "depthwise_conv2d" else channels)
    return net.op(name, x, weights, bias, strides=strides, zp_x=zero_point, rescale=net.rescale(0.01 / fan_in**0.5, net.pick(1, out)))


@bait()
def pad_of_pad(net: Net) -> None:
    x, value = net.value("i8"), net.zero_point()
    for _ in range(net.upto(3, 2)):
        x = net.op("pad", x, pads=tuple(net.upto(1, 0) for _ in range(2 * len(net.type(x).shape))), value=value)


# bounds, rescales and tables -------------------------------------------------------------------------


@bait()
def clamp_behind(net: Net) -> None:
    net.hint(draw(net, net.pick("clamp", "conv2d", "add", "max_pool2d", "mean", "rescale", "quantize", "depthwise_conv2d")))
    draw(net, "clamp")


@bait()
def rescale_of_nothing(net: Net) -> None:
    """Every value stays what it is, or is cut."""
    zero_point = net.zero_point()
    lo, hi = net.pick((-128, 127), (-128, 127), (net.upto(0, -128), net.upto(127)))
    net.op("rescale", net.value("i8"), output=TensorType((), "i8"), zp_x=zero_point, rescale=replace(_IDENTITY, zp_out=zero_point, lo=lo, hi=hi))


@bait(6)
def moved_zero_point(net: Net) -> None:
    """x + d, of values that it does not saturate; then an op with zero points."""
    reach, name = net.upto(100, 20), net.pick(*_ZERO_POINTS)
    x = net.value("i8", rank={"conv2d": 4, "depthwise_conv2d": 4, "fully_connected": 2}.get(name))
    x = net.op("clamp", x, lo=-reach, hi=reach)
    moved = net.op("rescale", x, output=TensorType((), "i8"), rescale=replace(_IDENTITY, zp_out=net.upto(127 - reach, -27)))
    net.hint(moved)
    draw(net, name)


@bait(3)
def bytes_without_a_sign(net: Net) -> None:
    """An input of uint8 that a rescale moves by 128, before a convolution."""
    x = net.value("ui8", rank=4) if net.has("ui8") else net.argument(TensorType((1, net.upto(8), net.upto(8), net.upto(8)), "ui8"))
    zero_point = net.upto(255, 0)
    moved = net.op("rescale", x, output=TensorType((), "i8"), zp_x=zero_point, rescale=replace(_IDENTITY, zp_out=zero_point - 128))
    net.hint(moved)
    draw(net, net.pick("conv2d", "depthwise_conv2d"))


@bait(3)
def maps_in_a_row(net: Net) -> None:
    names = [net.pick(*_MAPS), "table", net.pick(*_MAPS)]
    value = net.value("i8")
    for name in names:
        net.hint(value)
        value = draw(net, name)
        if net.type(value).dtype != "i8":
            return


@bait(3)
def few_channels(net: Net) -> None:
    """A depthwise convolution of a single channel is a convolution; one of few may take the columns of its kernel as channels."""
    x = net.image()
    batch, height, width, depth = net.type(x).shape
    channels = net.pick(*(count for count in (1, 1, 2, 3) if width * depth % count == 0))
    net.hint(reshaped(net, x, batch, height, width * depth // channels, channels))
    draw(net, net.pick("depthwise_conv2d", "depthwise_conv2d", "conv2d"))


@bait()
def place_of_the_greatest_real(net: Net) -> None:
    """argmax(dequantize(x)), as exporters leave it."""
    net.hint(draw(net, "dequantize"))
    draw(net, "argmax")


@bait(6)
def sides_of_one_value(net: Net) -> None:
    """x * f(x), f(x) + g(x), f(x) * c: together a function of x, unless somebody reads between."""
    x = net.value("i8")
    name = net.pick("add", "sub", "mul", "maximum", "minimum", "squared_difference")
    net.hint(x)
    sides = [draw(net, net.pick(*_MAPS))]
    if net.chance(0.3):
        net.hint(sides[0])
        sides[0] = draw(net, net.pick(*_MAPS))
    if net.chance(0.3):
        net.hint(x)
        sides.append(draw(net, net.pick(*_MAPS)))
    else:
        sides.append(net.constant(net.array(TensorType((1,), "i8"))) if net.chance(0.3) else x)
    if any(net.type(side).dtype != "i8" for side in sides):
        return
    if net.chance(0.5):
        sides.reverse()
    if name == "squared_difference":
        difference(net, *sides)
        return
    params = {} if name in ("maximum", "minimum") else {"zp_a": net.zero_point(), "zp_b": net.zero_point(), "rescale": net.rescale(0.02)}
    net.op(name, *sides, output=TensorType((), "i8"), **params)


# layouts -------------------------------------------------------------------------------------------


@bait(3)
def layout_around(net: Net) -> None:
    """NHWC -> NCHW, an op that computes in any layout, and back."""
    name = net.pick(*_ANY_LAYOUT)
    net.hint(transposed(net, net.value("f32" if name == "quantize" else "i8", rank=4), TO_NCHW))
    value = draw(net, name)
    if len(net.type(value).shape) == 4:
        transposed(net, value, net.pick(TO_NHWC, TO_NHWC, TO_NCHW))


@bait()
def layout_behind(net: Net) -> None:
    """An op in NCHW whose reader wants NHWC."""
    name = net.pick(*(one for one in (*_ANY_LAYOUT, "dequantize") if one != "quantize"))
    net.hint(net.value("i8", rank=4))
    value = draw(net, name)
    if len(net.type(value).shape) == 4:
        net.hint(transposed(net, value, TO_NHWC))


@bait()
def any_order_around(net: Net) -> None:
    x = net.value("i8", rank=net.upto(5, 2))
    rank = len(net.type(x).shape)
    net.hint(transposed(net, x, tuple(int(i) for i in net.rng.permutation(rank))))
    value = draw(net, net.pick(*(one for one in _ANY_LAYOUT if one != "quantize")))
    if len(net.type(value).shape) == rank:
        transposed(net, value, tuple(int(i) for i in net.rng.permutation(rank)))


@bait()
def transpose_of_transpose(net: Net) -> None:
    x = net.value("i8", rank=4)
    net.hint(transposed(net, x, net.pick(TO_NCHW, TO_NHWC)))
    draw(net, "transpose")


@bait()
def transposes_and_reshapes(net: Net) -> None:
    """In any order, some of extents of 1."""
    value = net.value("i8", "i8", "i16")
    for _ in range(net.upto(4, 2)):
        kind = net.type(value)
        shape = net.pick(net.factored(kind.elements, net.upto(5)), (1, *kind.shape), (*kind.shape, 1), kind.shape)
        if len(shape) > 1 and net.chance(0.6):
            value = transposed(net, value, tuple(int(i) for i in net.rng.permutation(len(kind.shape))))
        value = reshaped(net, value, *(shape if len(shape) <= 6 else kind.shape))


@bait()
def transpose_of_ones(net: Net) -> None:
    """It moves nothing: behind a reshape, and alone."""
    kind = net.type(x := net.value("i8"))
    rows = net.factored(kind.elements, 2)
    value = reshaped(net, x, rows[0], 1, rows[1], 1) if net.chance(0.7) else x
    if len(net.type(value).shape) == 4 and net.type(value).shape[1] == 1:
        transposed(net, value, net.pick((0, 2, 1, 3), (0, 1, 3, 2), (1, 0, 2, 3)))


@bait()
def many_dimensions(net: Net) -> None:
    """A shuffle as of channels or pixels."""
    kind = net.type(x := net.value("i8"))
    rank = net.upto(6, 5)
    value = reshaped(net, x, *net.factored(kind.elements, rank))
    value = transposed(net, value, tuple(int(i) for i in net.rng.permutation(rank)))
    reshaped(net, value, *net.factored(kind.elements, net.upto(4)))


@bait()
def flattened(net: Net) -> None:
    """NHWC -> NCHW, flat, fully connected."""
    x = net.image()
    shape = net.type(x).shape
    value = transposed(net, x, net.pick(TO_NCHW, (0, 2, 1, 3), TO_NHWC))
    net.hint(reshaped(net, value, shape[0], shape[1] * shape[2] * shape[3]))
    draw(net, "fully_connected")


@bait()
def swapped_before_matmul(net: Net) -> None:
    x = net.value("i8", rank=net.upto(4, 2))
    rank = len(net.type(x).shape)
    net.hint(transposed(net, x, (*range(rank - 2), rank - 1, rank - 2)))
    draw(net, "matmul")


# convolutions --------------------------------------------------------------------------------------


@bait()
def strided_points(net: Net) -> None:
    """1x1 with a stride."""
    x = net.image()
    channels, out = net.type(x).shape[3], net.upto(12)
    weights, bias = net.constant(net.array(TensorType((out, 1, 1, channels), "i8"))), net.constant(net.array(TensorType((out,), "i32")))
    net.op(
        "conv2d", x, weights, bias, strides=net.pick((2, 2), (1, 2), (3, 1), (2, 3)), zp_x=net.zero_point(),
        rescale=net.rescale(0.01 / channels**0.5, net.pick(1, out)),
    )  # fmt: skip


@bait()
def residual(net: Net) -> None:
    """Convolutions that keep the shape, and the sum with what they started from."""
    x = net.image()
    channels = net.type(x).shape[3]
    value = x
    for _ in range(net.upto(3)):
        kernel = net.pick(1, 3, 5)
        weights = net.constant(net.array(TensorType((channels, kernel, kernel, channels), "i8")))
        bias = net.constant(net.array(TensorType((channels,), "i32")))
        value = net.op(
            "conv2d", value, weights, bias, pads=(kernel // 2,) * 4, zp_x=net.zero_point(), rescale=net.rescale(0.01 / channels**0.5 / kernel, channels)
        )
    net.hint(value)
    a = net.value("i8")
    if net.chance(0.2):
        net.op("maximum", a, x)
    else:
        net.op("mul", a, x, zp_a=net.zero_point(), rescale=net.rescale(0.02))


@bait(2)
def deep(net: Net) -> None:
    """Feature maps of whole bricks of channels, one after the other."""
    value = _deeper(net, net.image())
    for _ in range(net.upto(4, 2)):
        name = net.pick(*_KEEP_CHANNELS)
        net.hint(value)
        value = _deeper(net, value) if name == "conv2d" else draw(net, name)
        if net.type(value).dtype != "i8" or len(net.type(value).shape) != 4:
            return


def _deeper(net: Net, x: ir.Value) -> ir.Value:
    """A convolution to more than one brick of channels."""
    channels, out, kernel = net.type(x).shape[3], net.pick(32, 48), net.pick(1, 1, 3)
    weights = net.constant(net.array(TensorType((out, kernel, kernel, channels), "i8")))
    bias = net.constant(net.array(TensorType((out,), "i32")))
    return net.op("conv2d", x, weights, bias, pads=(kernel // 2,) * 4, zp_x=net.zero_point(), rescale=net.rescale(0.01 / channels**0.5, net.pick(1, out)))


@bait()
def branches(net: Net) -> None:
    """Several ways from one value that end in a concat along channels."""
    x = net.image()
    n, height, width, channels = net.type(x).shape
    ways = []
    for _ in range(net.upto(4, 2)):
        out, kernel = net.upto(8), net.pick(1, 3)
        weights = net.constant(net.array(TensorType((out, kernel, kernel, channels), "i8")))
        bias = net.constant(net.array(TensorType((out,), "i32")))
        ways.append(net.op("conv2d", x, weights, bias, pads=(kernel // 2,) * 4, zp_x=net.zero_point(), rescale=net.rescale(0.01 / channels**0.5, out)))
    net.op("concat", *ways, axis=3)
