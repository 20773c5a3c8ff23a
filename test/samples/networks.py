# SPDX-License-Identifier: Apache-2.0
"""Networks of npu ops with random weights, and a run through every level that has to give the same bytes. Helpers, no tests.

    net = Net(i8(1, 16, 16, 8))
    x = net.conv(net.inputs[0], 16, kernel=3, pad=1)
    module = net.returns(net.add(x, net.conv(x, 16)))
    levels = run_levels(module, "edge-256", sram_kib=8)

A context of MLIR with the dialects loaded must be entered: `with npuc.dialects.new_context(), ir.Location.unknown():`.
"""

import re
from dataclasses import dataclass

import numpy as np
from torch_mlir import ir

from builder import Network
from npuc import interpret
from npuc.compiler import encode
from npuc.dialects.base import tensor_type
from npuc.errors import DoesNotFit
from npuc.isa.program import Program
from npuc.numerics.rescale import Rescale
from npuc.ops._sum import sum_scales
from npuc.ops.avg_pool2d import average_rescale
from npuc.ops.base import TensorType
from npuc.ops.resize import nearest_scale
from npuc.passes.base import target_of
from npuc.passes.pipeline import run_passes
from npuc.runtime import load
from npuc.validate import difference, random_inputs

# what nobody reads goes first, as in the default pipeline
LOWERING = ("canonicalize", "npu-partition", "npu-schedule", "npu-tile", "npu-place-buffers", "convert-npu-to-npu-cmd")
# what the machine has itself, and capacities down to the absurd
SRAM_KIB = (None, 32, 16, 8, 4, 2)
TARGETS = ("pico-64", "edge-256", "edge-2048", "u65-512-dram")


def i8(*shape: int) -> TensorType:
    """The type of an i8 tensor."""
    return TensorType(shape, "i8")


class Net(Network):
    """Activations are NHWC. Weights come from a seed and keep values alive.

    Attributes:
        count: ops so far, which number the layers' names.
    """

    def __init__(self, *inputs: TensorType, seed: int = 0):
        super().__init__(*inputs)
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def op(self, name: str, *values: ir.Value, output: TensorType | None = None, **params) -> ir.Value:
        """Any op of npuc.ops; the layer is called after it and its number."""
        self.count += 1
        return self.insert(name, *values, output=output, layer=f"{name}{self.count}", **params)

    # random parameters -------------------------------------------------------------------------

    def _int8(self, *shape: int) -> ir.Value:
        return self.constant(self.rng.integers(-127, 128, shape).astype(np.int8))

    def _bias(self, channels: int, fan_in: int) -> ir.Value:
        spread = int(2000 * fan_in**0.5) + 1
        return self.constant(self.rng.integers(-spread, spread, channels).astype(np.int32))

    def _zero_point(self) -> int:
        return int(self.rng.integers(-20, 21))

    def _rescale(self, fan_in: int, channels: int = 1) -> Rescale:
        """Brings a sum of `fan_in` products of random codes to a deviation of some 50 codes."""
        scales = self.rng.uniform(0.6, 1.4, channels) * 50 / (fan_in**0.5 * 74 * 73)
        low = int(self.rng.choice([-128, -128, 0]))
        return Rescale.from_scales(scales, self._zero_point(), low, 127)

    # layers ------------------------------------------------------------------------------------

    def conv(
        self, x: ir.Value, channels: int, kernel: int = 1, stride: int = 1, pad: int = 0, dilation: int = 1, groups: int = 1
    ) -> ir.Value:
        depth = tensor_type(x.type).shape[3] // groups
        fan_in = kernel * kernel * depth
        return self.op(
            "conv2d", x, self._int8(channels, kernel, kernel, depth), self._bias(channels, fan_in), strides=(stride, stride), groups=groups,
            dilation=(dilation, dilation), pads=(pad,) * 4, zp_x=self._zero_point(), rescale=self._rescale(fan_in, channels),
        )  # fmt: skip

    def depthwise(self, x: ir.Value, kernel: int = 3, stride: int = 1, pad: int = 1) -> ir.Value:
        channels = tensor_type(x.type).shape[3]
        return self.op(
            "depthwise_conv2d", x, self._int8(kernel, kernel, channels), self._bias(channels, kernel * kernel), strides=(stride, stride),
            pads=(pad,) * 4, zp_x=self._zero_point(), rescale=self._rescale(kernel * kernel, channels),
        )  # fmt: skip

    def linear(self, x: ir.Value, outputs: int) -> ir.Value:
        depth = tensor_type(x.type).shape[1]
        zp, rescale = self._zero_point(), self._rescale(depth, outputs)
        return self.op("fully_connected", x, self._int8(outputs, depth), self._bias(outputs, depth), zp_x=zp, rescale=rescale)

    def matmul(self, a: ir.Value, b: ir.Value, transpose_b: bool = False) -> ir.Value:
        rescale = self._rescale(tensor_type(a.type).shape[-1])
        return self.op("matmul", a, b, transpose_b=transpose_b, zp_a=self._zero_point(), zp_b=self._zero_point(), rescale=rescale)

    def add(self, a: ir.Value, b: ir.Value, name: str = "add") -> ir.Value:
        """a + b, or a - b for name="sub"."""
        scale_a, scale_b, out = sum_scales(0.02, 0.03, 0.03)
        rescale = Rescale(out[:1], out[1:], self._zero_point())
        return self.op(name, a, b, zp_a=self._zero_point(), zp_b=self._zero_point(), scale_a=scale_a, scale_b=scale_b, rescale=rescale)

    def mul(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.op("mul", a, b, zp_a=self._zero_point(), zp_b=self._zero_point(), rescale=self._rescale(1))

    def table(self, x: ir.Value) -> ir.Value:
        return self.op("table", x, self._int8(256))

    def mean(self, x: ir.Value, axes: tuple[int, ...] = (1, 2), keepdims: bool = True) -> ir.Value:
        shape = tensor_type(x.type).shape
        count = int(np.prod([shape[axis] for axis in axes]))
        rescale = Rescale.from_scales([0.9 / count**0.5], self._zero_point())
        return self.op("mean", x, axes=axes, keepdims=keepdims, zp_x=self._zero_point(), rescale=rescale)

    def max_pool(self, x: ir.Value, kernel: int = 2, stride: int = 2, pad: int = 0) -> ir.Value:
        return self.op("max_pool2d", x, kernel=(kernel, kernel), strides=(stride, stride), pads=(pad,) * 4)

    def avg_pool(self, x: ir.Value, kernel: int = 2, stride: int = 2, pad: int = 0) -> ir.Value:
        rescale = average_rescale(1.5, (kernel, kernel), pad > 0, self._zero_point())
        return self.op(
            "avg_pool2d", x, kernel=(kernel, kernel), strides=(stride, stride), pads=(pad,) * 4, zp_x=self._zero_point(), rescale=rescale
        )

    def upsample(self, x: ir.Value, factor: int = 2) -> ir.Value:
        _, height, width, _ = tensor_type(x.type).shape
        (scale_y, border_y), (scale_x, border_x) = (nearest_scale(extent, extent * factor) for extent in (height, width))
        return self.op("resize", x, scale_y=scale_y, scale_x=scale_x, border=(border_y, border_x))

    def pad(self, x: ir.Value, rows: int = 1, columns: int = 1, channels: int = 0) -> ir.Value:
        return self.op("pad", x, pads=(0, 0, rows, rows, columns, columns, 0, channels), value=self._zero_point())

    def cut(self, x: ir.Value, starts: tuple[int, ...], sizes: tuple[int, ...], strides: tuple[int, ...] = (1, 1, 1, 1)) -> ir.Value:
        return self.op("slice", x, starts=starts, sizes=sizes, strides=strides)

    def reshape(self, x: ir.Value, *shape: int) -> ir.Value:
        return self.op("reshape", x, output=TensorType(shape, tensor_type(x.type).dtype))

    def flat(self, x: ir.Value) -> ir.Value:
        """[N, everything else]."""
        shape = tensor_type(x.type).shape
        return self.reshape(x, shape[0], int(np.prod(shape[1:])))

    def squeeze_excite(self, x: ir.Value, hidden: int) -> ir.Value:
        """x * table(conv(conv(mean(x))))."""
        channels = tensor_type(x.type).shape[3]
        return self.mul(x, self.table(self.conv(self.conv(self.mean(x), hidden), channels)))


# networks of one idea each -------------------------------------------------------------------------


def conv_chain(seed: int = 0) -> ir.Module:
    net = Net(i8(1, 20, 12, 8), seed=seed)
    x = net.conv(net.inputs[0], 16, kernel=3, pad=1)
    x = net.conv(x, 16, kernel=3, pad=1)
    x = net.conv(x, 24, kernel=5, stride=2, pad=2)
    return net.returns(net.conv(x, 8, kernel=3, pad=2, dilation=2))


def residuals(seed: int = 0) -> ir.Module:
    net = Net(i8(1, 16, 16, 16), seed=seed)
    x = net.inputs[0]
    for _ in range(3):
        x = net.add(x, net.conv(net.conv(x, 16, kernel=3, pad=1), 16, kernel=3, pad=1))
    return net.returns(x)


def inverted_residuals(seed: int = 0) -> ir.Module:
    """As in MobileNetV2, with squeeze and excitation as in EfficientNet."""
    net = Net(i8(1, 18, 18, 8), seed=seed)
    x = net.inputs[0]
    for stride in (1, 2, 1):
        y = net.depthwise(net.conv(x, 32), stride=stride)
        y = net.conv(net.squeeze_excite(y, 8), 8)
        x = net.add(y, x) if stride == 1 else y
    return net.returns(x)


def inception(seed: int = 0) -> ir.Module:
    """Branches of different reach that end in a concat along channels."""
    net = Net(i8(1, 15, 13, 8), seed=seed)
    x = net.inputs[0]
    branches = [
        net.conv(x, 8),
        net.conv(net.conv(x, 8), 12, kernel=3, pad=1),
        net.conv(net.conv(net.conv(x, 4), 4, kernel=3, pad=1), 8, kernel=3, pad=1),
        net.conv(net.max_pool(x, kernel=3, stride=1, pad=1), 8),
        net.avg_pool(x, kernel=3, stride=1, pad=1),
    ]
    return net.returns(net.conv(net.op("concat", *branches, axis=3), 16))


def pyramid(seed: int = 0) -> ir.Module:
    """Down and up again with skips, as a segmentation head has; every level is a result."""
    net = Net(i8(1, 16, 16, 8), seed=seed)
    fine = net.conv(net.inputs[0], 8, kernel=3, pad=1)
    middle = net.conv(fine, 16, kernel=3, stride=2, pad=1)
    coarse = net.conv(middle, 16, kernel=3, stride=2, pad=1)
    middle = net.add(net.upsample(coarse), middle)
    fine = net.conv(net.op("concat", net.upsample(middle), fine, axis=3), 8, kernel=3, pad=1)
    return net.returns(coarse, middle, fine)


def classifier(seed: int = 0) -> ir.Module:
    """Float edges: quantize, convolutions, pools, mean, a linear layer, softmax, dequantize."""
    net = Net(TensorType((1, 24, 24, 3), "f32"), seed=seed)
    x = net.op("quantize", net.inputs[0], output=i8(1, 24, 24, 3), scale=0.02, zp=3)
    x = net.max_pool(net.conv(x, 16, kernel=3, stride=1, pad=1))
    x = net.conv(net.pad(net.conv(x, 32, kernel=3, pad=1)), 32, kernel=3, stride=2)
    x = net.linear(net.mean(x, keepdims=False), 10)
    return net.returns(net.op("dequantize", net.op("softmax", x, scale=0.05), scale=1 / 256, zp=-128))


def attention(seed: int = 0) -> ir.Module:
    """Tokens, one head: products of two run-time operands, a softmax along rows, views between."""
    net = Net(i8(1, 6, 6, 16), seed=seed)
    tokens = net.reshape(net.conv(net.inputs[0], 16), 1, 36, 16)
    query, key, value = (net.reshape(net.conv(net.reshape(tokens, 1, 1, 36, 16), 16), 1, 36, 16) for _ in range(3))
    weights = net.op("softmax", net.matmul(query, key, transpose_b=True), scale=0.03)
    mixed = net.add(net.matmul(weights, value), tokens)
    return net.returns(net.op("transpose", mixed, perm=(0, 2, 1)))


def big_weights(seed: int = 0) -> ir.Module:
    """Parameters far larger than activations: chunks of channels, streamed."""
    net = Net(i8(1, 4, 4, 64), seed=seed)
    x = net.conv(net.conv(net.inputs[0], 128, kernel=3, pad=1), 128, kernel=3, pad=1)
    return net.returns(net.linear(net.flat(x), 40))


def layout(seed: int = 0) -> ir.Module:
    """Transposes, slices, pads and reshapes between convolutions."""
    net = Net(i8(1, 8, 12, 10), seed=seed)
    x = net.conv(net.inputs[0], 16)
    x = net.conv(net.op("transpose", x, perm=(0, 2, 1, 3)), 8, kernel=3, pad=1)
    x = net.pad(net.cut(x, (0, 1, 0, 2), (1, 10, 4, 5), (1, 1, 2, 1)), channels=3)
    x = net.reshape(net.conv(x, 8), 1, 24, 6, 4)
    return net.returns(net.conv(x, 8, kernel=3, pad=1))


def unsigned(seed: int = 0) -> ir.Module:
    """Bytes without a sign at the edges, as older .tflite files have them."""
    net = Net(TensorType((1, 12, 10, 8), "ui8"), seed=seed)
    unit = Rescale((1 << 30,), (30,))
    x = net.op("rescale", net.inputs[0], output=i8(1, 12, 10, 8), zp_x=128, rescale=unit)
    x = net.conv(net.conv(x, 16, kernel=3, pad=1), 8)
    return net.returns(net.op("rescale", x, output=TensorType((1, 12, 10, 8), "ui8"), rescale=Rescale((1 << 30,), (30,), 128, 0, 255)))


NAMED = {
    one.__name__: one for one in (conv_chain, residuals, inverted_residuals, inception, pyramid, classifier, attention, big_weights, layout)
}


# random networks -----------------------------------------------------------------------------------

MAX_ELEMENTS = 40_000


def random_network(seed: int, ops: int = 12) -> ir.Module:
    """A graph of about `ops` ops over random shapes; what nobody reads is a result."""
    rng = np.random.default_rng(seed)
    batch = int(rng.choice([1, 1, 1, 2]))
    shape = (batch, int(rng.integers(5, 33)), int(rng.integers(5, 25)), int(rng.choice([3, 4, 8, 16, 20])))
    net = Net(i8(*shape), seed=seed)
    values, unread = [net.inputs[0]], set()
    while net.count < ops:
        x = values[int(rng.integers(max(0, len(values) - 4), len(values)))]
        made = _random_layer(net, rng, x, values)
        if made is None or tensor_type(made.type).elements > MAX_ELEMENTS:
            continue
        unread -= {index for index, value in enumerate(values) if value == x}
        unread.add(len(values))
        values.append(made)
    results = [values[index] for index in sorted(unread)][-3:]
    if rng.random() < 0.3:
        # a value that the network goes on with is a result too
        results.append(values[len(values) // 2])
    return net.returns(*dict.fromkeys(results))


def _random_layer(net: Net, rng: np.random.Generator, x: ir.Value, values: list[ir.Value]) -> ir.Value | None:
    """One more layer on x; None where the one drawn does not go there."""
    kind = tensor_type(x.type)
    n, height, width, channels = kind.shape
    peers = [value for value in values if tensor_type(value.type) == kind and value != x]
    beside = [value for value in values if tensor_type(value.type).shape[:3] == kind.shape[:3]]
    roomy = height >= 3 and width >= 3
    match int(rng.integers(18)):
        case 0 | 1 | 2:
            return net.conv(x, int(rng.choice([4, 8, 12, 16, 40])))
        case 3 | 4:
            if not roomy:
                return None
            stride, dilation = int(rng.choice([1, 1, 2])), int(rng.choice([1, 1, 2]))
            return net.conv(x, int(rng.choice([8, 16, 24])), kernel=3, stride=stride, pad=dilation, dilation=dilation)
        case 5:
            return net.depthwise(x, stride=int(rng.choice([1, 2]))) if roomy else None
        case 6 | 7:
            return net.add(x, peers[int(rng.integers(len(peers)))], name=str(rng.choice(["add", "sub"]))) if peers else None
        case 8:
            other = beside[int(rng.integers(len(beside)))]
            return net.op("concat", x, other, axis=3) if channels + tensor_type(other.type).shape[3] <= 64 else None
        case 9:
            return net.max_pool(x, kernel=3, stride=int(rng.choice([1, 2])), pad=1) if roomy else None
        case 10:
            return net.avg_pool(x, kernel=2, stride=int(rng.choice([1, 2])), pad=int(rng.choice([0, 1]))) if roomy else None
        case 11:
            return net.upsample(x) if height * width <= 200 else None
        case 12:
            return net.squeeze_excite(x, 4)
        case 13:
            return net.op("softmax", x, scale=0.05)
        case 14:
            return net.table(net.op("clamp", x, lo=-100, hi=90))
        case 15:
            return net.pad(x, rows=int(rng.integers(3)), columns=int(rng.integers(3)))
        case 16:
            starts = (0, int(rng.integers(height)), int(rng.integers(width)), 0)
            strides = (1, int(rng.choice([1, 2])), 1, 1)
            sizes = (n, -(-(height - starts[1]) // strides[1]), width - starts[2], channels)
            return net.cut(x, starts, sizes, strides)
        case _:
            if rng.random() < 0.5:
                return net.op("transpose", x, perm=(0, 2, 1, 3))
            return net.reshape(x, n, width, height, channels)


# every level ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Levels:
    """A network that gave the same bytes at every level.

    Attributes:
        program: what was simulated, from its own bytes.
        module: fully lowered.
    """

    program: Program
    module: ir.Module
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]


def copy_of(module: ir.Module) -> ir.Module:
    """The same module, independent."""
    return ir.Module.parse(module.operation.get_asm(enable_debug_info=True))


def set_target(module: ir.Module, target: str, sram_kib: int | None = None) -> None:
    sram = "" if sram_kib is None else f" sram-kib={sram_kib}"
    run_passes(module, [f"npu-set-target{{name={target}{sram}}}"])


def run_levels(module: ir.Module, target: str, sram_kib: int | None = None, *, seed: int = 0, schedule: str | None = None) -> Levels:
    """Lower `module` in place; every level has to compute what the whole module does, and the program has to be free of races.

    Raises:
        NpucError: what a pass refuses.
        AssertionError: a level differs; the message names it.
    """
    set_target(module, target, sram_kib)
    inputs = random_inputs(module, seed)
    expected = interpret.run(module, inputs)
    for name in LOWERING:
        run_passes(module, [f"{name}{{file={schedule}}}" if schedule and name == "npu-schedule" else name], check_contracts=True)
        # the last one is simulated below, from the program's bytes
        if name in ("npu-tile", "npu-place-buffers"):
            assert not difference(expected, interpret.run(module, inputs)), (
                f"after {name}: {difference(expected, interpret.run(module, inputs))}"
            )
    program = Program.from_bytes(encode(module, target_of(module)).to_bytes())
    for engine in ("numpy", "native"):
        loaded = load(program, engine)
        found = loaded.run(*inputs)
        found = list(found) if isinstance(found, tuple) else [found]
        assert not difference(expected, found), f"simulated by {engine}: {difference(expected, found)}"
    loaded.check_hazards()
    assert program.sram_bytes <= program.target.sram.bytes
    return Levels(program, module, inputs, expected)


def right_or_refused(module: ir.Module, target: str, sram_kib: int | None) -> bool:
    """Whether the network fits; then it is right at every level, else the refusal names a layer and says how much is missing."""
    try:
        run_levels(module, target, sram_kib)
    except DoesNotFit as error:
        capacity = target_of(module).sram.bytes
        assert error.layer
        assert f"layer '{error.layer}'" in error.message
        needed, short = re.findall(r"\d+", str(error.found))
        assert int(short) == int(needed) - capacity > 0
        assert str(error.wanted) == f"at most {capacity} bytes"
        return False
    return True
