# SPDX-License-Identifier: Apache-2.0
"""A random .tflite file of one operator, for each operator that the front door knows: `CASES[kind](rng) -> bytes`."""

from collections.abc import Callable

import numpy as np
import tflite

from samples.tflite_files import DTYPES, Op, Tensor, network

Rng = np.random.Generator
TYPES = tflite.TensorType
SAME, VALID = 0, 1


def upto(rng: Rng, high: int, low: int = 1) -> int:
    """An integer in low..high."""
    return int(rng.integers(low, high + 1))


def pick(rng: Rng, *choices):
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def scale(rng: Rng, low: float = 0.002, high: float = 0.2) -> float:
    """A scale, even on the logarithm."""
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def nearly(rng: Rng, power: float) -> float:
    """A power of two, or a scale that a calibration found next to it."""
    return float(np.float32(power * (1 + rng.uniform(-1e-3, 1e-3) * pick(rng, 0, 1))))


def zero(rng: Rng, dtype: str = "INT8") -> int:
    """A zero point of the element type."""
    return {"INT8": upto(rng, 127, -128), "UINT8": upto(rng, 255, 0), "INT16": 0}[dtype]


def quantized(rng: Rng, *shape: int, dtype: str = "INT8", like: Tensor | None = None) -> Tensor:
    """An activation; with the scale and zero point of `like` where the operator wants them equal."""
    if like is not None:
        return Tensor(shape, like.dtype, like.scale, like.zero_point)
    return Tensor(shape, dtype, scale(rng) / (256 if dtype == "INT16" else 1), zero(rng, dtype))


def image(rng: Rng, dtype: str = "INT8", largest: int = 12, channels: int = 9) -> Tensor:
    """A random image."""
    return quantized(rng, pick(rng, 1, 1, 2), upto(rng, largest), upto(rng, largest), upto(rng, channels), dtype=dtype)


def any_shape(rng: Rng, rank: int = 4, largest: int = 6) -> tuple[int, ...]:
    """1 to `rank` extents."""
    return tuple(upto(rng, largest) for _ in range(upto(rng, rank)))


def one(kind: str, inputs, outputs, options: str = "", version: int = 1, **fields) -> bytes:
    """A network of one operator; its inputs without a value are the network's."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    free = [t for t in inputs if t is not None and t.value is None]
    return network([Op(kind, inputs, outputs, options, fields, version)], list(dict.fromkeys(free)), outputs)


# convolutions --------------------------------------------------------------------------------------


def _extent(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    return -(-size // stride) if padding == SAME else (size - (kernel - 1) * dilation - 1) // stride + 1


def _weights(rng: Rng, shape: tuple[int, ...], dtype: str, axis: int) -> Tensor:
    if dtype == "UINT8":
        return Tensor.constant(rng.integers(0, 256, shape), "UINT8", scale(rng, 0.001, 0.02), zero(rng, "UINT8"))
    count = shape[axis] if rng.random() < 0.7 else 1
    scales = [scale(rng, 0.0005, 0.02) for _ in range(count)]
    return Tensor.constant(rng.integers(-127, 128, shape), "INT8", scales, 0, axis)


def _bias(rng: Rng, x: Tensor, w: Tensor, count: int) -> Tensor:
    scales = [float(np.float32(x.scale * s)) for s in np.atleast_1d(w.scale)]
    return Tensor.constant(rng.integers(-3000, 3001, count), "INT64" if x.dtype == "INT16" else "INT32", scales, 0)


def _narrow_sums(rng: Rng, bias: Tensor | None) -> dict:
    """Now and then the option that sums of 16-bit activations have 32 bits; the bias then has them too."""
    if bias is None or bias.dtype != "INT64" or rng.random() < 0.7:
        return {}
    bias.dtype, bias.value = "INT32", bias.value.astype(np.int32)
    return {"QuantizedBiasType": TYPES.INT32}


def _sum_scale(rng: Rng, x: Tensor, w: Tensor) -> float:
    """A scale that sums of products fill."""
    return float(np.float32(x.scale * float(np.max(w.scale)) * rng.uniform(20, 300)))


def _window(rng: Rng, x: Tensor, dilated: bool = True) -> tuple[int, int, int, int, int, int, int]:
    """Kernel, strides, dilation, padding that fit the image."""
    while True:
        kh, kw, sh, sw = upto(rng, 4), upto(rng, 4), upto(rng, 3), upto(rng, 3)
        dh, dw = (upto(rng, 2), upto(rng, 2)) if dilated and rng.random() < 0.3 else (1, 1)
        if (kh - 1) * dh < x.shape[1] and (kw - 1) * dw < x.shape[2]:
            return kh, kw, sh, sw, dh, dw, pick(rng, SAME, VALID)


def conv2d(rng: Rng) -> bytes:
    dtype = pick(rng, "INT8", "UINT8", "INT16")
    x = image(rng, dtype)
    kh, kw, sh, sw, dh, dw, padding = _window(rng, x)
    out = upto(rng, 10)
    w = _weights(rng, (out, kh, kw, x.shape[3]), dtype, 0)
    size = _extent(x.shape[1], kh, sh, dh, padding), _extent(x.shape[2], kw, sw, dw, padding)
    # a bias of uint8 must have a scale near the product of the others
    y = quantized(rng, x.shape[0], *size, out, dtype=dtype)
    y.scale = _sum_scale(rng, x, w)
    bias = _bias(rng, x, w, out)
    return one(
        "CONV_2D", (x, w, bias), y, "Conv2DOptions", 3, Padding=padding, StrideH=sh, StrideW=sw, DilationHFactor=dh, DilationWFactor=dw,
        FusedActivationFunction=pick(rng, 0, 0, 1, 2, 3), **_narrow_sums(rng, bias),
    )  # fmt: skip


def depthwise_conv2d(rng: Rng) -> bytes:
    dtype = pick(rng, "INT8", "UINT8", "INT16")
    x = image(rng, dtype)
    kh, kw, sh, sw, dh, dw, padding = _window(rng, x)
    sw = sh
    multiplier = pick(rng, 1, 1, 2, 3)
    out = x.shape[3] * multiplier
    w = _weights(rng, (1, kh, kw, out), dtype, 3)
    size = _extent(x.shape[1], kh, sh, dh, padding), _extent(x.shape[2], kw, sw, dw, padding)
    y = quantized(rng, x.shape[0], *size, out, dtype=dtype)
    y.scale = _sum_scale(rng, x, w)
    return one(
        "DEPTHWISE_CONV_2D", (x, w, _bias(rng, x, w, out)), y, "DepthwiseConv2DOptions", 3, Padding=padding, StrideH=sh, StrideW=sw,
        DilationHFactor=dh, DilationWFactor=dw, DepthMultiplier=multiplier, FusedActivationFunction=pick(rng, 0, 0, 1, 2, 3),
    )  # fmt: skip


def fully_connected(rng: Rng) -> bytes:
    dtype = pick(rng, "INT8", "UINT8", "INT16")
    rows, depth, out = upto(rng, 4), upto(rng, 64), upto(rng, 20)
    x = quantized(rng, *pick(rng, (rows, depth), (1, rows, depth)), dtype=dtype)
    w = _weights(rng, (out, depth), dtype, 0)
    y = quantized(rng, rows, out, dtype=dtype)
    y.scale = _sum_scale(rng, x, w)
    bias = _bias(rng, x, w, out) if rng.random() < 0.8 else None
    return one("FULLY_CONNECTED", (x, w, bias), y, "FullyConnectedOptions", 4, FusedActivationFunction=pick(rng, 0, 0, 1, 3), **_narrow_sums(rng, bias))


def transpose_conv(rng: Rng) -> bytes:
    x = image(rng, pick(rng, "INT8", "INT8", "INT16"), 7)
    kh, kw, s, out = upto(rng, 4), upto(rng, 4), upto(rng, 3), upto(rng, 8)
    padding = pick(rng, SAME, VALID)
    size = [e * s if padding == SAME else (e - 1) * s + k for e, k in zip(x.shape[1:3], (kh, kw), strict=True)]
    if padding == SAME and min(kh, kw) < s:
        kh, kw = max(kh, s), max(kw, s)
    w = _weights(rng, (out, kh, kw, x.shape[3]), "INT8", 0)
    shape = Tensor.constant([x.shape[0], *size, out], "INT32")
    y = quantized(rng, x.shape[0], *size, out, dtype=x.dtype)
    y.scale = _sum_scale(rng, x, w)
    bias = _bias(rng, x, w, out) if rng.random() < 0.8 else None
    return one(
        "TRANSPOSE_CONV",
        (shape, w, x) if bias is None else (shape, w, x, bias),
        y,
        "TransposeConvOptions",
        3,
        Padding=padding,
        StrideH=s,
        StrideW=s,
    )


def batch_matmul(rng: Rng) -> bytes:
    batch = pick(rng, (), (2,), (1, 3))
    m, k, n = upto(rng, 8), upto(rng, 16), upto(rng, 8)
    adj_x, adj_y = bool(rng.random() < 0.3), bool(rng.random() < 0.3)
    dtype = pick(rng, "INT8", "INT8", "INT16")
    a = quantized(rng, *batch, *((k, m) if adj_x else (m, k)), dtype=dtype)
    b = quantized(rng, *batch, *((n, k) if adj_y else (k, n)), dtype=dtype)
    y = quantized(rng, *batch, m, n, dtype=dtype)
    y.scale = float(np.float32(a.scale * b.scale * rng.uniform(50, 900)))
    return one("BATCH_MATMUL", (a, b), y, "BatchMatMulOptions", 2, AdjX=adj_x, AdjY=adj_y)


# elementwise ---------------------------------------------------------------------------------------


def binary(kind: str, options: str, activation: bool = True) -> Callable[[Rng], bytes]:
    def case(rng: Rng) -> bytes:
        dtype = "INT8" if kind == "SQUARED_DIFFERENCE" else pick(rng, "INT8", "UINT8", "INT16")
        shape = any_shape(rng)
        other = pick(rng, shape, shape, shape[-1:], tuple(1 if rng.random() < 0.5 else e for e in shape))
        a, b = quantized(rng, *shape, dtype=dtype), quantized(rng, *other, dtype=dtype)
        y = quantized(rng, *np.broadcast_shapes(shape, other), dtype=dtype)
        if kind == "MUL":
            y.scale = float(np.float32(a.scale * b.scale * rng.uniform(20, 300)))
        elif kind in ("MAXIMUM", "MINIMUM"):
            b, y = quantized(rng, *b.shape, like=a), quantized(rng, *y.shape, like=a)
        elif kind == "SQUARED_DIFFERENCE":
            y.scale = float(np.float32(max(a.scale, b.scale) ** 2 * rng.uniform(50, 900)))
        else:
            y.scale = float(np.float32(max(a.scale, b.scale) * rng.uniform(0.3, 3)))
        if rng.random() < 0.3:
            info = np.iinfo(DTYPES[dtype])
            b.value = rng.integers(info.min, info.max + 1, b.shape).astype(info.dtype)
        pair = (a, b) if rng.random() < 0.5 else (b, a)
        fields: dict = {"FusedActivationFunction": pick(rng, 0, 0, 1, 2, 3)} if activation else {}
        if dtype == "INT16" and kind in ("ADD", "SUB"):
            fields["PotScaleInt16"] = bool(rng.random() < 0.5)
            if rng.random() < 0.4:
                # powers of two, the finer of the inputs as fine as the result
                a.scale, b.scale = 2.0 ** -upto(rng, 14, 6), 2.0 ** -upto(rng, 14, 6)
                y.scale = max(a.scale, b.scale) if fields["PotScaleInt16"] else 2.0 ** -upto(rng, 14, 6)
                for each in (a, b, y):
                    each.scale = nearly(rng, each.scale)
        return one(kind, pair, y, options, 2, **fields)

    return case


def unary(kind: str, options: str = "", version: int = 1, dtypes=("INT8",), **fields) -> Callable[[Rng], bytes]:
    def case(rng: Rng) -> bytes:
        x = quantized(rng, 1, 16, 16, dtype=pick(rng, *dtypes))
        y = quantized(rng, 1, 16, 16, dtype=x.dtype)
        if kind in ("LOGISTIC", "SOFTMAX"):
            y.scale, y.zero_point = {"INT8": (1 / 256, -128), "UINT8": (1 / 256, 0), "INT16": (1 / 32768, 0)}[x.dtype]
        elif kind == "TANH":
            y.scale, y.zero_point = {"INT8": (1 / 128, 0), "UINT8": (1 / 128, 128), "INT16": (1 / 32768, 0)}[x.dtype]
        elif kind in ("RSQRT", "SQRT", "LOG"):
            x.zero_point = -128
        elif kind == "NEG":
            y.scale, y.zero_point = x.scale, x.zero_point
        elif kind == "HARD_SWISH":
            y.scale = float(np.float32(x.scale * rng.uniform(0.1, 3)))
        if x.dtype == "INT16" and kind in ("LOGISTIC", "TANH") and rng.random() < 0.5:
            x.scale = nearly(rng, 2.0 ** -upto(rng, 13, 10))
        values = {key: value(rng) if callable(value) else value for key, value in fields.items()}
        return one(kind, (x,), y, options, version, **values)

    return case


def softmax(rng: Rng) -> bytes:
    dtype = pick(rng, "INT8", "UINT8", "INT16")
    x = quantized(rng, *any_shape(rng, 4, 12), dtype=dtype)
    x.scale = scale(rng, 0.001, 0.5) / (256 if dtype == "INT16" else 1)
    y = Tensor(x.shape, dtype, 1 / 32768 if dtype == "INT16" else 1 / 256, -128 if dtype == "INT8" else 0)
    return one("SOFTMAX", (x,), y, "SoftmaxOptions", 2, Beta=pick(rng, 1.0, 1.0, 0.5, 1.7))


def prelu(rng: Rng) -> bytes:
    x = image(rng)
    alpha = Tensor.constant(rng.integers(-128, 128, (1, 1, x.shape[3])), "INT8", scale(rng, 0.001, 0.01), zero(rng))
    y = quantized(rng, *x.shape)
    y.scale = float(np.float32(x.scale * rng.uniform(0.3, 2)))
    return one("PRELU", (x, alpha), y)


def quantize(rng: Rng) -> bytes:
    small = pick(rng, "INT8", "UINT8"), pick(rng, "INT8", "UINT8")
    source, result = pick(rng, small, small, ("INT16", "INT16"), ("INT8", "INT16"), ("INT16", "INT8"))
    x = quantized(rng, 1, 16, 16, dtype=source)
    y = quantized(rng, 1, 16, 16, dtype=result)
    y.scale = x.scale if rng.random() < 0.3 else float(np.float32(x.scale * rng.uniform(0.3, 3)))
    return one("QUANTIZE", (x,), y, version=1)


def quantize_float(rng: Rng) -> bytes:
    return one("QUANTIZE", (Tensor((1, 64), "FLOAT32"),), quantized(rng, 1, 64, dtype=pick(rng, "INT8", "UINT8", "INT16")))


def dequantize(rng: Rng) -> bytes:
    return one("DEQUANTIZE", (quantized(rng, 1, 64, dtype=pick(rng, "INT8", "UINT8", "INT16")),), Tensor((1, 64), "FLOAT32"), version=2)


# pools and reductions ------------------------------------------------------------------------------


def pool(kind: str) -> Callable[[Rng], bytes]:
    def case(rng: Rng) -> bytes:
        x = image(rng, pick(rng, "INT8", "UINT8", "INT16"))
        kh, kw, sh, sw, _, _, padding = _window(rng, x, dilated=False)
        size = _extent(x.shape[1], kh, sh, 1, padding), _extent(x.shape[2], kw, sw, 1, padding)
        y = quantized(rng, x.shape[0], *size, x.shape[3], like=x)
        return one(
            kind, (x,), y, "Pool2DOptions", 2, Padding=padding, StrideH=sh, StrideW=sw, FilterHeight=kh, FilterWidth=kw,
            FusedActivationFunction=pick(rng, 0, 0, 1, 3),
        )  # fmt: skip

    return case


def reduction(kind: str, same: bool = False) -> Callable[[Rng], bytes]:
    def case(rng: Rng) -> bytes:
        # LiteRT's SUM reads int8 codes as if they were uint8; nobody wants those bytes
        x = quantized(rng, 1, upto(rng, 7), upto(rng, 7), upto(rng, 7), dtype="UINT8" if kind == "SUM" else pick(rng, "INT8", "INT16"))
        axes = sorted(int(a) for a in rng.choice([1, 2, 3], upto(rng, 3), replace=False))
        keep = bool(rng.random() < 0.5)
        shape = tuple(1 if i in axes else e for i, e in enumerate(x.shape) if keep or i not in axes)
        y = quantized(rng, *shape, like=x if same else None, dtype=x.dtype)
        if not same:
            count = int(np.prod([x.shape[a] for a in axes])) if kind == "SUM" else 1
            y.scale = float(np.float32(x.scale * rng.uniform(0.3, 1.5) * count)) if kind == "SUM" or rng.random() < 0.8 else x.scale
        names = [a - 4 if rng.random() < 0.3 else a for a in axes]
        return one(kind, (x, Tensor.constant(names, "INT32")), y, "ReducerOptions", 2, KeepDims=keep)

    return case


def resize(kind: str, options: str) -> Callable[[Rng], bytes]:
    def case(rng: Rng) -> bytes:
        x = quantized(rng, 1, upto(rng, 7), upto(rng, 7), upto(rng, 4), dtype=pick(rng, "INT8", "UINT8", "INT16"))
        size = [upto(rng, 15), upto(rng, 15)]
        aligned, centred = pick(rng, (False, False), (True, False), (False, True))
        y = quantized(rng, 1, *size, x.shape[3], like=x)
        return one(kind, (x, Tensor.constant(size, "INT32")), y, options, 3, AlignCorners=aligned, HalfPixelCenters=centred)

    return case


# movement ------------------------------------------------------------------------------------------


def moved(make: Callable[[Rng, Tensor], bytes], *dtypes: str) -> Callable[[Rng], bytes]:
    """A case on a random image of one of the types."""
    chosen = dtypes or ("INT8", "UINT8", "INT16")
    return lambda rng: make(rng, quantized(rng, 1, upto(rng, 6), upto(rng, 6), upto(rng, 6), dtype=pick(rng, *chosen)))


def _pads(rng: Rng, x: Tensor, most: int = 3) -> np.ndarray:
    return np.array([[0, 0], *([upto(rng, most, 0), upto(rng, most, 0)] for _ in x.shape[1:])])


def pad(rng: Rng, x: Tensor) -> bytes:
    pads = _pads(rng, x)
    y = quantized(rng, *(np.array(x.shape) + pads.sum(1)).tolist(), like=x)
    if rng.random() < 0.5:
        return one("PAD", (x, Tensor.constant(pads, "INT32")), y, "PadOptions", 2)
    value = Tensor.constant(zero(rng, x.dtype), x.dtype, x.scale, x.zero_point)
    return one("PADV2", (x, Tensor.constant(pads, "INT32"), value), y, "PadV2Options", 2)


def mirror_pad(rng: Rng, x: Tensor) -> bytes:
    mode = pick(rng, 0, 1)
    pads = np.array([[0, 0], *([upto(rng, e - 1 + mode, 0), upto(rng, e - 1 + mode, 0)] for e in x.shape[1:])])
    y = quantized(rng, *(np.array(x.shape) + pads.sum(1)).tolist(), like=x)
    return one("MIRROR_PAD", (x, Tensor.constant(pads, "INT32")), y, "MirrorPadOptions", 2, Mode=mode)


def concatenation(rng: Rng, x: Tensor) -> bytes:
    axis = upto(rng, 3)
    parts, total = [x], x.shape[axis]
    for _ in range(upto(rng, 3)):
        extent = upto(rng, 4)
        other = None if x.dtype == "UINT8" and rng.random() < 0.5 else x
        parts.append(quantized(rng, *(extent if i == axis else e for i, e in enumerate(x.shape)), dtype=x.dtype, like=other))
        total += extent
    y = quantized(rng, *(total if i == axis else e for i, e in enumerate(x.shape)), like=x)
    return one("CONCATENATION", tuple(parts), y, "ConcatenationOptions", 2, Axis=pick(rng, axis, axis - 4))


def split(rng: Rng, x: Tensor) -> bytes:
    axis, count = upto(rng, 3), upto(rng, 3)
    x = quantized(rng, *(e * count if i == axis else e for i, e in enumerate(x.shape)), like=x)
    part = [e // count if i == axis else e for i, e in enumerate(x.shape)]
    ys = tuple(quantized(rng, *part, like=x) for _ in range(count))
    return one("SPLIT", (Tensor.constant([axis], "INT32"), x), ys, "SplitOptions", 2, NumSplits=count)


def split_v(rng: Rng, x: Tensor) -> bytes:
    axis = upto(rng, 3)
    cut = upto(rng, x.shape[axis] - 1, 0) if x.shape[axis] > 1 else 0
    sizes = [s for s in (cut, x.shape[axis] - cut) if s]
    ys = tuple(quantized(rng, *(s if i == axis else e for i, e in enumerate(x.shape)), like=x) for s in sizes)
    return one(
        "SPLIT_V", (x, Tensor.constant(sizes, "INT32"), Tensor.constant([axis], "INT32")), ys, "SplitVOptions", 2, NumSplits=len(sizes)
    )


def unpack(rng: Rng, x: Tensor) -> bytes:
    axis = upto(rng, 3)
    ys = tuple(quantized(rng, *(e for i, e in enumerate(x.shape) if i != axis), like=x) for _ in range(x.shape[axis]))
    return one("UNPACK", (x,), ys, "UnpackOptions", 2, Num=x.shape[axis], Axis=axis)


def pack(rng: Rng, x: Tensor) -> bytes:
    x = quantized(rng, *x.shape[1:], like=x)
    axis, count = upto(rng, 3, 0), upto(rng, 3)
    parts = (x, *(quantized(rng, *x.shape, like=x) for _ in range(count - 1)))
    y = quantized(rng, *x.shape[:axis], count, *x.shape[axis:], like=x)
    return one("PACK", parts, y, "PackOptions", 2, ValuesCount=count, Axis=axis)


def slice_(rng: Rng, x: Tensor) -> bytes:
    starts = [upto(rng, e - 1, 0) for e in x.shape]
    sizes = [upto(rng, e - s) for e, s in zip(x.shape, starts, strict=True)]
    y = quantized(rng, *sizes, like=x)
    given = [-1 if s + n == e and rng.random() < 0.5 else n for e, s, n in zip(x.shape, starts, sizes, strict=True)]
    return one("SLICE", (x, Tensor.constant(starts, "INT32"), Tensor.constant(given, "INT32")), y, "SliceOptions", 2)


def strided_slice(rng: Rng, x: Tensor) -> bytes:
    begin, end, stride, shape, shrink, begin_mask, end_mask = [], [], [], [], 0, 0, 0
    for axis, extent in enumerate(x.shape):
        first, step = upto(rng, extent - 1, 0), upto(rng, 3)
        last = upto(rng, extent, first + 1)
        begin_mask |= (rng.random() < 0.2) << axis
        end_mask |= (rng.random() < 0.2) << axis
        if axis and rng.random() < 0.2:
            shrink |= 1 << axis
            begin_mask &= ~(1 << axis)
            step, last = 1, first + 1
        else:
            low = 0 if begin_mask >> axis & 1 else first
            high = extent if end_mask >> axis & 1 else last
            shape.append(len(range(low, high, step)))
        begin.append(first - extent if rng.random() < 0.2 and not shrink >> axis & 1 else first)
        end.append(last)
        stride.append(step)
    y = quantized(rng, *shape, like=x)
    parts = (Tensor.constant(v, "INT32") for v in (begin, end, stride))
    return one("STRIDED_SLICE", (x, *parts), y, "StridedSliceOptions", 2, BeginMask=begin_mask, EndMask=end_mask, ShrinkAxisMask=shrink)


def reshape(rng: Rng, x: Tensor) -> bytes:
    kind = pick(rng, "RESHAPE", "EXPAND_DIMS", "SQUEEZE")
    if kind == "EXPAND_DIMS":
        return one(kind, (x, Tensor.constant([1], "INT32")), quantized(rng, x.shape[0], 1, *x.shape[1:], like=x), "ExpandDimsOptions")
    if kind == "SQUEEZE":
        return one(kind, (x,), quantized(rng, *x.shape[1:], like=x), "SqueezeOptions", SqueezeDims=[0])
    shape = [x.shape[1] * x.shape[3], x.shape[2]]
    return one(kind, (x, Tensor.constant(shape, "INT32")), quantized(rng, *shape, like=x), "ReshapeOptions", NewShape=shape)


def transpose(rng: Rng, x: Tensor) -> bytes:
    perm = rng.permutation(4).tolist()
    return one("TRANSPOSE", (x, Tensor.constant(perm, "INT32")), quantized(rng, *(x.shape[i] for i in perm), like=x), "TransposeOptions", 2)


def tile(rng: Rng, x: Tensor) -> bytes:
    counts = [upto(rng, 3) for _ in x.shape]
    y = quantized(rng, *(e * c for e, c in zip(x.shape, counts, strict=True)), like=x)
    return one("TILE", (x, Tensor.constant(counts, "INT32")), y, "TileOptions", 2)


def space_to_depth(rng: Rng, x: Tensor) -> bytes:
    size = upto(rng, 3, 2)
    n, h, w, c = x.shape
    x = quantized(rng, n, h * size, w * size, c, like=x)
    return one("SPACE_TO_DEPTH", (x,), quantized(rng, n, h, w, c * size * size, like=x), "SpaceToDepthOptions", 2, BlockSize=size)


def depth_to_space(rng: Rng, x: Tensor) -> bytes:
    size = upto(rng, 3, 2)
    n, h, w, c = x.shape
    x = quantized(rng, n, h, w, c * size * size, like=x)
    return one("DEPTH_TO_SPACE", (x,), quantized(rng, n, h * size, w * size, c, like=x), "DepthToSpaceOptions", BlockSize=size)


def space_to_batch(rng: Rng, x: Tensor) -> bytes:
    """Around a convolution, as a dilated one is exported."""
    b, k = upto(rng, 3, 2), upto(rng, 3)
    reach = (k - 1) * b
    h, w, c = upto(rng, 9, reach + 1), upto(rng, 9, reach + 1), upto(rng, 5)
    x = quantized(rng, 1, h, w, c)
    before = reach // 2 if rng.random() < 0.6 else 0
    after = before
    pads = np.array([[before, after + -(h + before + after) % b], [before, after + -(w + before + after) % b]])
    rows, columns = h + int(pads[0].sum()), w + int(pads[1].sum())
    inner = quantized(rng, b * b, rows // b, columns // b, c, like=x)
    depthwise = bool(rng.random() < 0.5)
    out = c if depthwise else upto(rng, 6)
    weights = _weights(rng, (1, k, k, c) if depthwise else (out, k, k, c), "INT8", 3 if depthwise else 0)
    z = quantized(rng, b * b, rows // b - k + 1, columns // b - k + 1, out)
    z.scale = float(np.float32(x.scale * float(np.max(weights.scale)) * rng.uniform(20, 200)))
    size = h + 2 * before - reach, w + 2 * before - reach
    crops = np.array([[0, z.shape[1] * b - size[0]], [0, z.shape[2] * b - size[1]]])
    y = quantized(rng, 1, *size, out, like=z)
    block = Tensor.constant([b, b], "INT32")
    bias = Tensor.constant(rng.integers(-2000, 2000, out), "INT32", [float(np.float32(x.scale * s)) for s in np.atleast_1d(weights.scale)])
    kind, options = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
    fields = {"Padding": VALID, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1} | (
        {"DepthMultiplier": 1} if depthwise else {}
    )
    ops = [
        Op("SPACE_TO_BATCH_ND", (x, block, Tensor.constant(pads, "INT32")), (inner,), "SpaceToBatchNDOptions", {}, 2),
        Op(kind, (inner, weights, bias), (z,), options, fields, 3),
        Op("BATCH_TO_SPACE_ND", (z, block, Tensor.constant(crops, "INT32")), (y,), "BatchToSpaceNDOptions", {}, 2),
    ]
    return network(ops, [x], [y])


def gather(rng: Rng, x: Tensor) -> bytes:
    axis = upto(rng, 3)
    start = upto(rng, x.shape[axis] - 1, 0)
    count = upto(rng, x.shape[axis] - start)
    y = quantized(rng, *(count if i == axis else e for i, e in enumerate(x.shape)), like=x)
    return one("GATHER", (x, Tensor.constant(np.arange(start, start + count), "INT32")), y, "GatherOptions", 2, Axis=axis)


# recurrent -----------------------------------------------------------------------------------------


def lstm(rng: Rng) -> bytes:
    """With an input gate or without one, batch first or time first."""
    batch, steps, depth, cells = upto(rng, 2), upto(rng, 4), upto(rng, 12), upto(rng, 8)
    major, coupled = bool(rng.random() < 0.5), bool(rng.random() < 0.3)
    x = quantized(rng, *((steps, batch) if major else (batch, steps)), depth)
    x.scale = scale(rng, 0.005, 0.05)
    hidden = quantized(rng, batch, cells)
    hidden.scale = scale(rng, 0.004, 0.01)
    state = Tensor((batch, cells), "INT8", hidden.scale, hidden.zero_point, variable=True)
    cell = Tensor((batch, cells), "INT16", 2.0 ** -upto(rng, 14, 10), 0, variable=True)

    def weights(count: int) -> list[Tensor | None]:
        made = [Tensor.constant(rng.integers(-127, 128, (cells, count)), "INT8", scale(rng, 0.002, 0.03), 0) for _ in range(4)]
        return [None if coupled and i == 0 else one for i, one in enumerate(made)]

    from_input, from_state = weights(depth), weights(cells)
    biases = [
        None if w is None else Tensor.constant(rng.integers(-3000, 3000, cells), "INT32", float(np.float32(w.scale * x.scale))) for w in from_input
    ]
    inside = [Tensor((1,), "INT16", 2.0**-12, 0) for _ in range(4)] + [Tensor((1,), "INT8", hidden.scale, hidden.zero_point)]
    y = Tensor((*((steps, batch) if major else (batch, steps)), cells), "INT8", hidden.scale, hidden.zero_point)
    operands = [x, *from_input, *from_state, None, None, None, *biases, None, None, state, cell, None, None, None, None]
    fields = {"FusedActivationFunction": 4, "TimeMajor": major, "CellClip": pick(rng, 0.0, 0.0, 1.5)}
    op = Op("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, (y,), "UnidirectionalSequenceLSTMOptions", fields, 1, inside)
    return network([op], [x], [y])


def svdf(rng: Rng) -> bytes:
    batch, depth, rank, units, memory = upto(rng, 2), upto(rng, 20), upto(rng, 3), upto(rng, 6), upto(rng, 5)
    x = quantized(rng, batch, depth)
    x.scale = scale(rng, 0.005, 0.05)
    features = Tensor.constant(rng.integers(-127, 128, (units * rank, depth)), "INT8", scale(rng, 0.002, 0.02), 0)
    time = Tensor.constant(rng.integers(-32767, 32768, (units * rank, memory)), "INT16", scale(rng, 0.0001, 0.001), 0)
    state = Tensor((batch, memory * units * rank), "INT16", scale(rng, 0.00005, 0.001), 0, variable=True)
    bias = Tensor.constant(rng.integers(-30000, 30000, units), "INT32", 0.001) if rng.random() < 0.8 else None
    y = quantized(rng, batch, units)
    fields = {"Rank": rank, "FusedActivationFunction": 1}
    return network([Op("SVDF", (x, features, time, bias, state), (y,), "SVDFOptions", fields, 3)], [x], [y])


def comparison(kind: str, options: str) -> Callable[[Rng], bytes]:
    """Of codes of two scales, with ties among them; of whole and of real numbers."""

    def case(rng: Rng) -> bytes:
        dtype = pick(rng, "INT8", "INT8", "UINT8", "INT32", "FLOAT32")
        shape = any_shape(rng)
        other = pick(rng, shape, shape, shape[-1:], tuple(1 if rng.random() < 0.5 else e for e in shape))
        a, b = (quantized(rng, *e, dtype=dtype) if dtype.endswith("8") else Tensor(e, dtype) for e in (shape, other))
        if dtype.endswith("8") and rng.random() < 0.5:
            b.scale, b.zero_point = a.scale, a.zero_point
        if dtype.endswith("8") and rng.random() < 0.2:
            a.scale = 0.97
        if rng.random() < 0.4:
            b.value = rng.integers(0, 128, b.shape).astype(DTYPES[dtype])
        y = Tensor(tuple(np.broadcast_shapes(shape, other)), "BOOL")
        return one(kind, (a, b) if rng.random() < 0.5 else (b, a), y, options, 2)

    return case


def logic(kind: str, options: str) -> Callable[[Rng], bytes]:
    def case(rng: Rng) -> bytes:
        shape = any_shape(rng)
        operands = (Tensor(shape, "BOOL"),) if kind == "LOGICAL_NOT" else (Tensor(shape, "BOOL"), Tensor(shape, "BOOL"))
        return one(kind, operands, Tensor(shape, "BOOL"), options)

    return case


def select(rng: Rng) -> bytes:
    """Of whole tensors, or of entries of the first dimension."""
    x = quantized(rng, *any_shape(rng), dtype=pick(rng, "INT8", "UINT8", "INT16"))
    condition = Tensor(x.shape[:1] if len(x.shape) > 1 and rng.random() < 0.5 else x.shape, "BOOL")
    return one("SELECT", (condition, x, quantized(rng, *x.shape, like=x)), quantized(rng, *x.shape, like=x), "SelectOptions", 2)


def select_v2(rng: Rng, x: Tensor) -> bytes:
    """Each operand's own extents of 1."""
    condition, b = (tuple(1 if rng.random() < 0.3 else e for e in x.shape) for _ in range(2))
    y = quantized(rng, *np.broadcast_shapes(x.shape, condition, b), like=x)
    return one("SELECT_V2", (Tensor(condition, "BOOL"), x, quantized(rng, *b, like=x)), y, "SelectV2Options")


def cast(rng: Rng) -> bytes:
    """Of codes and answers, which end a program as wider integers or go on as real values."""
    source, result = pick(rng, ("INT8", "INT16"), ("INT8", "INT32"), ("INT16", "INT64"), ("INT8", "FLOAT32"), ("UINT8", "FLOAT32"), ("BOOL", "FLOAT32"))
    shape = any_shape(rng)
    x = Tensor(shape, source) if source == "BOOL" else quantized(rng, *shape, dtype=source)
    fields = {"InDataType": getattr(TYPES, source), "OutDataType": getattr(TYPES, result)}
    return one("CAST", (x,), Tensor(x.shape, result), "CastOptions", 1, **fields)


def reverse(rng: Rng, x: Tensor) -> bytes:
    first = upto(rng, 3, 0)
    axes = [*range(first, upto(rng, 3, first) + 1)]
    return one("REVERSE_V2", (x, Tensor.constant(axes, "INT32")), quantized(rng, *x.shape, like=x), "ReverseV2Options", 3)


def broadcast_to(rng: Rng, x: Tensor) -> bytes:
    small = quantized(rng, *(1 if rng.random() < 0.4 else extent for extent in x.shape[1:]), like=x)
    shape = (upto(rng, 3), *(upto(rng, 4) if extent == 1 else extent for extent in small.shape))
    return one("BROADCAST_TO", (small, Tensor.constant(shape, "INT32")), quantized(rng, *shape, like=x), "BroadcastToOptions", 2)


def extreme_place(kind: str, options: str) -> Callable[[Rng, Tensor], bytes]:
    def case(rng: Rng, x: Tensor) -> bytes:
        axis = upto(rng, 3)
        y = Tensor(tuple(e for i, e in enumerate(x.shape) if i != axis), pick(rng, "INT32", "INT64"))
        return one(kind, (x, Tensor.constant([axis], "INT32")), y, options, 2, OutputType=getattr(TYPES, y.dtype))

    return case


CASES: dict[str, Callable[[Rng], bytes]] = {
    "CONV_2D": conv2d, "DEPTHWISE_CONV_2D": depthwise_conv2d, "FULLY_CONNECTED": fully_connected, "TRANSPOSE_CONV": transpose_conv,
    "BATCH_MATMUL": batch_matmul, "ADD": binary("ADD", "AddOptions"), "SUB": binary("SUB", "SubOptions"), "MUL": binary("MUL", "MulOptions"),
    "MAXIMUM": binary("MAXIMUM", "MaximumMinimumOptions", False), "MINIMUM": binary("MINIMUM", "MaximumMinimumOptions", False),
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE", "SquaredDifferenceOptions", False),
    "MAX_POOL_2D": pool("MAX_POOL_2D"), "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D"), "MEAN": reduction("MEAN"), "SUM": reduction("SUM"),
    "REDUCE_MAX": reduction("REDUCE_MAX", True),
    "REDUCE_MIN": reduction("REDUCE_MIN", True), "SOFTMAX": softmax, "LOGISTIC": unary("LOGISTIC", dtypes=("INT8", "UINT8", "INT16")),
    "TANH": unary("TANH", dtypes=("INT8", "UINT8", "INT16")), "HARD_SWISH": unary("HARD_SWISH", "HardSwishOptions", dtypes=("INT8", "UINT8")),
    "LEAKY_RELU": unary("LEAKY_RELU", "LeakyReluOptions", 2, ("INT8", "UINT8", "INT16"), Alpha=lambda rng: float(rng.uniform(0, 0.5))), "PRELU": prelu,
    "RELU": unary("RELU", version=2, dtypes=("INT8", "UINT8", "INT16")), "RELU6": unary("RELU6", version=2, dtypes=("INT8", "UINT8")),
    "RELU_N1_TO_1": unary("RELU_N1_TO_1", dtypes=("INT8", "UINT8")), "EXP": unary("EXP", dtypes=("INT8", "INT16")), "LOG": unary("LOG"),
    "GELU": unary("GELU", "GeluOptions"), "ELU": unary("ELU"),
    "RSQRT": unary("RSQRT"), "SQRT": unary("SQRT"), "ABS": unary("ABS", "AbsOptions", 2, ("INT8", "INT16")), "NEG": unary("NEG", "NegOptions"),
    "QUANTIZE": quantize, "QUANTIZE of floats": quantize_float, "DEQUANTIZE": dequantize,
    "RESIZE_BILINEAR": resize("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    "PAD": moved(pad), "MIRROR_PAD": moved(mirror_pad), "CONCATENATION": moved(concatenation), "SPLIT": moved(split), "SPLIT_V": moved(split_v),
    "UNPACK": moved(unpack), "PACK": moved(pack), "SLICE": moved(slice_), "STRIDED_SLICE": moved(strided_slice), "RESHAPE": moved(reshape),
    "TRANSPOSE": moved(transpose), "TILE": moved(tile), "SPACE_TO_DEPTH": moved(space_to_depth, "INT8", "UINT8"),
    "DEPTH_TO_SPACE": moved(depth_to_space, "INT8", "UINT8"),
    "SPACE_TO_BATCH_ND": moved(space_to_batch), "GATHER": moved(gather), "ARG_MAX": moved(extreme_place("ARG_MAX", "ArgMaxOptions"), "INT8", "UINT8"),
    "ARG_MIN": moved(extreme_place("ARG_MIN", "ArgMinOptions"), "INT8", "UINT8"), "REVERSE_V2": moved(reverse, "UINT8", "INT16"),
    "BROADCAST_TO": moved(broadcast_to, "INT8", "UINT8", "INT16"),
    "EQUAL": comparison("EQUAL", "EqualOptions"), "NOT_EQUAL": comparison("NOT_EQUAL", "NotEqualOptions"),
    "GREATER": comparison("GREATER", "GreaterOptions"), "GREATER_EQUAL": comparison("GREATER_EQUAL", "GreaterEqualOptions"),
    "LESS": comparison("LESS", "LessOptions"), "LESS_EQUAL": comparison("LESS_EQUAL", "LessEqualOptions"),
    "LOGICAL_AND": logic("LOGICAL_AND", "LogicalAndOptions"), "LOGICAL_OR": logic("LOGICAL_OR", "LogicalOrOptions"),
    "LOGICAL_NOT": logic("LOGICAL_NOT", "LogicalNotOptions"), "SELECT": select, "SELECT_V2": moved(select_v2),
    "CAST": cast, "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm, "SVDF": svdf,
}  # fmt: skip
