# SPDX-License-Identifier: Apache-2.0
"""What the patterns share: quantized operands, constants, layouts, the result's rescale and clamp."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch_mlir import ir

from npuc.dialects.attrs import from_attr
from npuc.dialects.base import MAX_VARIADIC, build, tensor_type
from npuc.dialects.npu.ops.constant import build_constant
from npuc.numerics.rescale import Rescale
from npuc.ops import all_ops
from npuc.ops.base import OpSpec
from npuc.passes.base import defining

TO_NHWC = (0, 2, 3, 1)
TO_NCHW = (0, 3, 1, 2)


@dataclass(frozen=True)
class Quantized:
    """An i8 value and what it stands for: real = (q - zp) * scale."""

    value: ir.Value
    scale: float
    zp: int

    @property
    def shape(self) -> tuple[int, ...]:
        return tensor_type(self.value.type).shape

    def moved(self, value: ir.Value) -> "Quantized":
        """The same meaning at another value (a transpose, a reshape, ...)."""
        return replace(self, value=value)


@dataclass(frozen=True)
class Weights:
    """Constant weights.

    Attributes:
        codes: i8, PyTorch's layout.
        scales: f64 [O], one an output channel.
        zp: zero point of all.
    """

    codes: np.ndarray
    scales: np.ndarray
    zp: int


@dataclass(frozen=True)
class Root:
    """The float op that feeds an npu.quantize, clamps peeled off.

    Attributes:
        op: the producer.
        scale, zp: of the result.
        lo, hi: bounds of the result, the peeled clamps included.
    """

    op: ir.Operation
    scale: float
    zp: int
    lo: int
    hi: int

    @property
    def location(self) -> ir.Location:
        return self.op.location

    @property
    def shape(self) -> tuple[int, ...]:
        return tensor_type(self.op.results[0].type).shape

    def rescale(self, factors: Any) -> Rescale:
        """From accumulators of real step `factors` (a number, or one an output channel) to the result."""
        steps = np.atleast_1d(np.asarray(factors, np.float64))
        return Rescale.from_scales((float(step) / self.scale for step in steps), self.zp, self.lo, self.hi)

    def requantized(self, found: Quantized) -> ir.Value:
        """`found` on the result's scale and within its bounds; nothing is inserted where it is already."""
        if found.scale != self.scale or found.zp != self.zp:
            return make("rescale", [found.value], zp_x=found.zp, rescale=self.rescale(found.scale))
        if (self.lo, self.hi) == (-128, 127):
            return found.value
        return make("clamp", [found.value], lo=self.lo, hi=self.hi)


def attribute(op: ir.Operation, name: str) -> Any:
    """An attribute as a Python value."""
    return from_attr(op.attributes[name])


def root_of(quantize: ir.Operation) -> Root | None:
    """What stands before an npu.quantize; None where an argument or a constant does, or where it is not to i8 by PyTorch's rule."""
    if tensor_type(quantize.results[0].type).dtype != "i8" or ("division" in quantize.attributes and attribute(quantize, "division")):
        return None
    scale, zp = attribute(quantize, "scale"), attribute(quantize, "zp")
    lo, hi = attribute(quantize, "lo"), attribute(quantize, "hi")
    op = defining(quantize.operands[0])
    while op is not None and op.name == "npu.float_op" and attribute(op, "kind") == "clamp":
        before = defining(op.operands[0])
        if before is None or before.name == "npu.dequantize":
            break
        params = attribute(op, "params")
        lo, hi = max(lo, code_of(params["min"], scale, zp)), min(hi, code_of(params["max"], scale, zp))
        op = before
    return None if op is None else Root(op, scale, zp, lo, max(lo, hi))


def root_key(op: ir.Operation) -> str:
    """What patterns name as their root: the op, or the kind of a float op as "float_op.kind"."""
    return f"float_op.{attribute(op, 'kind')}" if op.name == "npu.float_op" else op.name


def code_of(real: float, scale: float, zp: int) -> int:
    """What `real` is quantized to: round half to even of real * f32(1 / scale), clamped to i8."""
    if math.isinf(real):
        return 127 if real > 0 else -128
    return int(np.clip(np.rint(np.float32(real) * np.float32(1 / scale)) + zp, -128, 127))


def make(name: str, operands: list[ir.Value], output: Any = None, **params: Any) -> ir.Value:
    """Insert an npu op by name, its result type inferred."""
    return build(spec_for(name, operands, output, **params), operands)


def spec_for(name: str, operands: list[ir.Value], output: Any = None, **params: Any) -> OpSpec:
    """The spec of an op on `operands`.

    Raises:
        ValueError: the op is not well formed.
    """
    return all_ops()[name].of(*(tensor_type(value.type) for value in operands), output=output, **params)


# operands ------------------------------------------------------------------------------------------


def quantized(value: ir.Value) -> Quantized | None:
    """The i8 behind a float value: an npu.dequantize, or data movement on top of one, done on i8 instead."""
    op = defining(value)
    if op is None:
        return None
    if op.name == "npu.dequantize":
        if tensor_type(op.operands[0].type).dtype != "i8":
            return None
        return Quantized(op.operands[0], attribute(op, "scale"), attribute(op, "zp"))
    move = _MOVES.get(op.name)
    source = quantized(op.operands[0]) if move and len(op.operands) else None
    return move(op, source) if move and source else None


def _reshape(op: ir.Operation, source: Quantized) -> Quantized:
    return source.moved(reshape(source.value, tensor_type(op.results[0].type).shape))


def _cast(op: ir.Operation, source: Quantized) -> Quantized:
    # torch-mlir forgets an extent here and remembers it behind the next op
    return source


def _transpose(op: ir.Operation, source: Quantized) -> Quantized:
    return source.moved(transpose(source.value, tuple(op.attributes["permutation"])))


def _slice(op: ir.Operation, source: Quantized) -> Quantized | None:
    starts, sizes, strides = (tuple(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    if len(op.operands) > 1:
        return None
    value = make("slice", [source.value], starts=starts, sizes=sizes, strides=strides)
    # a slice may drop dimensions of extent 1
    return source.moved(reshape(value, tensor_type(op.results[0].type).shape))


def _pad(op: ir.Operation, source: Quantized) -> Quantized | None:
    found = padding(op)
    if found is None:
        return None
    low, high, real = found
    value = source.value
    if min(*low, *high) < 0:
        # PyTorch cuts off what a negative border takes away
        starts = tuple(max(0, -extent) for extent in low)
        cut = zip(source.shape, starts, high, strict=True)
        sizes = tuple(extent - start - max(0, -after) for extent, start, after in cut)
        value = make("slice", [value], starts=starts, sizes=sizes, strides=(1,) * len(sizes))
    pads = tuple(max(0, extent) for pair in zip(low, high, strict=True) for extent in pair)
    if any(pads):
        value = make("pad", [value], pads=pads, value=code_of(real, source.scale, source.zp))
    return source.moved(value)


# a broadcast is a concat of so many copies at most
_COPIES = 256


def _copy(op: ir.Operation, source: Quantized) -> Quantized | None:
    """A linalg.generic or linalg.broadcast that repeats its operand: constants are repeated here, activations side by side."""
    shape = broadcast_shape(op)
    wanted = tensor_type(op.results[0].type).shape
    if shape is None:
        return None
    known = constant(source.value)
    if known is not None:
        return source.moved(array(np.broadcast_to(known.reshape(shape), wanted)))
    value = reshape(source.value, shape)
    repeated = [(axis, extent) for axis, extent in enumerate(wanted) if shape[axis] != extent]
    if math.prod(extent for _, extent in repeated) > _COPIES:
        return None
    for axis, extent in repeated:
        value = concatenated([value] * extent, axis)
    return source.moved(value)


_MOVES = {
    "tensor.collapse_shape": _reshape,
    "tensor.expand_shape": _reshape,
    "tensor.cast": _cast,
    "linalg.transpose": _transpose,
    "tensor.extract_slice": _slice,
    "tensor.pad": _pad,
    "linalg.generic": _copy,
    "linalg.broadcast": _copy,
}
MOVES = tuple(_MOVES)


def broadcast_shape(op: ir.Operation) -> tuple[int, ...] | None:
    """The operand's shape with extents of 1 where the op repeats it; None where the op does anything else."""
    if op.name == "linalg.broadcast":
        dropped = tuple(op.attributes["dimensions"])
        return tuple(1 if axis in dropped else extent for axis, extent in enumerate(tensor_type(op.results[0].type).shape))
    if op.name != "linalg.generic" or len(op.operands) != 2 or len(op.regions[0].blocks[0].operations) != 1:
        return None
    block = op.regions[0].blocks[0]
    if block.operations[0].operation.operands[0] != block.arguments[0]:
        return None
    return aligned_shape(op, 0)


def padding(op: ir.Operation) -> tuple[tuple[int, ...], tuple[int, ...], float] | None:
    """(before, after, value) of a tensor.pad with static extents and one constant value."""
    if len(op.operands) > 1:
        return None
    yielded = list(op.regions[0].blocks[0].operations)[-1].operation.operands[0]
    value = constant(yielded)
    if value is None:
        return None
    return tuple(op.attributes["static_low"]), tuple(op.attributes["static_high"]), float(value.reshape(-1)[0])


def constant(value: ir.Value) -> np.ndarray | None:
    """The array of a float or integer value that depends on constants alone, as a view where it repeats; None otherwise."""
    op = defining(value)
    if op is None:
        return None
    if op.name in ("arith.constant", "npu.constant"):
        found = op.attributes["value"]
        if isinstance(found, ir.DenseElementsAttr):
            return np.asarray(found)
        return np.asarray(found.value)
    if op.name not in _CONSTANT_OPS:
        return None
    shape = tensor_type(op.results[0].type).shape if isinstance(op.results[0].type, ir.RankedTensorType) else ()
    source = constant(op.operands[0]) if len(op.operands) else None
    if source is None:
        return None
    if op.name in ("linalg.broadcast", "linalg.generic"):
        kept = broadcast_shape(op)
        return None if kept is None else np.broadcast_to(source.reshape(kept), shape)
    if op.name in ("arith.truncf", "arith.extf", "arith.sitofp"):
        return source.astype(np.float64 if str(op.results[0].type) == "f64" else np.float32)
    if op.name == "linalg.fill":
        return np.broadcast_to(source, shape)
    if op.name in ("tensor.collapse_shape", "tensor.expand_shape"):
        # numpy would copy a repeated array to reshape it: repeat the one value instead
        flat = source if source.strides and any(source.strides) else None
        if flat is None and source.size:
            return np.broadcast_to(source.reshape(-1)[0] if not source.shape else source[(0,) * source.ndim], shape)
        return source.reshape(shape)
    return source.transpose(tuple(op.attributes["permutation"]))


_CONSTANT_OPS = (
    "linalg.broadcast", "linalg.generic", "linalg.fill", "linalg.transpose", "tensor.collapse_shape", "tensor.expand_shape",
    "arith.truncf", "arith.extf", "arith.sitofp",
)  # fmt: skip


def weights(value: ir.Value, axis: int = 0) -> Weights | None:
    """Constant i8 weights behind a float value, reshapes peeled off; `axis` is that of the output channels, -1 the last."""
    op = defining(value)
    while op is not None and op.name in ("tensor.expand_shape", "tensor.collapse_shape"):
        op = defining(op.operands[0])
    if op is None or op.name not in ("npu.dequantize_channels", "npu.dequantize"):
        return None
    source = defining(op.operands[0], "arith.constant")
    if source is None:
        return None
    codes = np.asarray(source.attributes["value"])
    axis %= max(1, codes.ndim)
    channels = codes.shape[axis] if codes.ndim else 1
    if op.name == "npu.dequantize":
        return Weights(codes, np.full(channels, attribute(op, "scale")), attribute(op, "zp"))
    zps = attribute(op, "zps")
    if attribute(op, "axis") != axis or len(set(zps)) != 1:
        return None
    return Weights(codes, np.array(attribute(op, "scales"), np.float64), zps[0])


def channel_vector(value: ir.Value, axis: int) -> np.ndarray | None:
    """f64 [C]: a constant that varies along `axis` alone."""
    found = constant(value)
    if found is None:
        return None
    line = np.moveaxis(found, axis, 0)
    first = line[(slice(None),) + (0,) * (line.ndim - 1)]
    if not (line == first.reshape(-1, *(1,) * (line.ndim - 1))).all():
        return None
    return first.astype(np.float64)


def bias_codes(real: np.ndarray, step: np.ndarray) -> np.ndarray:
    """i32 biases of real step `step`, rounded half to even and saturated."""
    return np.clip(np.rint(real / step), -(1 << 31), (1 << 31) - 1).astype(np.int32)


# layouts -------------------------------------------------------------------------------------------


def transpose(value: ir.Value, perm: tuple[int, ...]) -> ir.Value:
    """`value` transposed; itself where the permutation is the identity."""
    return value if perm == tuple(range(len(perm))) else make("transpose", [value], perm=perm)


def reshape(value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """`value` under another shape; itself where it has that shape."""
    kind = tensor_type(value.type)
    return value if kind.shape == tuple(shape) else make("reshape", [value], replace(kind, shape=tuple(shape)))


def concatenated(values: list[ir.Value], axis: int) -> ir.Value:
    """All `values` side by side; a concat of concats where one cannot take them all."""
    while len(values) > MAX_VARIADIC:
        parts = [values[start : start + MAX_VARIADIC] for start in range(0, len(values), MAX_VARIADIC)]
        values = [make("concat", part, axis=axis) if len(part) > 1 else part[0] for part in parts]
    return make("concat", values, axis=axis)


def array(values: np.ndarray) -> ir.Value:
    """A constant."""
    return build_constant(np.ascontiguousarray(values))


# elementwise ---------------------------------------------------------------------------------------


def arithmetic(op: ir.Operation) -> str:
    """The one arith op of a linalg.generic without reductions ("addf", "mulf", ...), "" for anything longer."""
    body = [item.operation for item in op.regions[0].blocks[0].operations]
    kinds = {str(kind) for kind in op.attributes["iterator_types"]}
    if len(body) != 2 or kinds - {"#linalg.iterator_type<parallel>"} or not body[0].name.startswith("arith."):
        return ""
    arguments = list(op.regions[0].blocks[0].arguments)
    if list(body[0].operands) != arguments[:2] or body[1].operands[0] != body[0].results[0]:
        return ""
    return body[0].name.removeprefix("arith.")


def aligned_shape(op: ir.Operation, index: int) -> tuple[int, ...] | None:
    """The shape of operand `index` of a linalg.generic with extents of 1 where it is broadcast; None for any other access."""
    mapping = ir.AffineMapAttr(op.attributes["indexing_maps"][index]).value
    shape = tensor_type(op.operands[index].type).shape
    full = [1] * mapping.n_dims
    last = -1
    for extent, expression in zip(shape, mapping.results, strict=True):
        expression = expression.maybe_downcast()
        if isinstance(expression, ir.AffineDimExpr):
            position = expression.position
            if position <= last:
                return None
            full[position] = extent
            last = position
        elif extent != 1:
            return None
    return tuple(full)


def terms(root: Root) -> tuple[Quantized, Quantized] | None:
    """Both quantized operands of a binary linalg.generic, reshaped so that they broadcast."""
    found = []
    for index in (0, 1):
        term, shape = quantized(root.op.operands[index]), aligned_shape(root.op, index)
        if term is None or shape is None:
            return None
        found.append(term.moved(reshape(term.value, shape)))
    return found[0], found[1]
