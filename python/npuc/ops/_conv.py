# SPDX-License-Identifier: Apache-2.0
"""What convolutions and fully connected layers share: parameters, accumulator range."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from npuc.isa.base import Operand, Shape4
from npuc.isa.records import RECORD
from npuc.numerics import weight_codec
from npuc.numerics.rescale import Rescale
from npuc.ops._checks import ACTIVATIONS, RANGES, at_most, dtype_is, in_range, rescale_ok, type_is
from npuc.ops._views import blob_part
from npuc.ops.base import NUMPY_DTYPES, Refusal, TensorType
from npuc.targets.base import MicroBlockArray, Target

I32_MAX = (1 << 31) - 1
_MAX_PACKED_KERNEL = 255


def operand_problems(
    operands: tuple[TensorType, ...], output: TensorType, channels: int, zp_x: int, zp_w: int, rescale: Rescale
) -> Iterator[str]:
    """Input i8, ui8 or i16, weights i8, bias i32 or i64 [channels], a result that follows from them, zero points and rescale in range."""
    x, weights, bias = operands
    wrong = [*dtype_is("input", x, *ACTIVATIONS, "ui8"), *dtype_is("bias", bias, "i32", "i64")]
    yield from wrong
    if wrong:
        return
    yield from dtype_is("weights", weights, "i8")
    yield from type_is("bias", bias, (channels,), bias.dtype)
    yield from in_range("zp_x", zp_x, x.dtype)
    yield from in_range("zp_w", zp_w, "i8")
    yield from dtype_is("result", output, *ACTIVATIONS, bias.dtype)
    yield from rescale_ok(rescale, (1, channels), "i16" if output.dtype == "i16" else "i8")


def steps(x: TensorType, target: Target) -> int:
    """Of the array for a product with an activation of this type."""
    return target.array.activation_steps[np.dtype(NUMPY_DTYPES[x.dtype]).itemsize]


def is_accumulators(output: TensorType) -> bool:
    """The result is the sums themselves."""
    return output.dtype not in ACTIVATIONS


def param_bytes(channels: int, weights: TensorType) -> int:
    """Size of the blob: one record an output channel, then the weights."""
    return RECORD.itemsize * channels + weights.elements


def packed_params(records: bytes, weights: np.ndarray, zp_w: int, target: Target, *, depthwise: bool = False, cut: bool = True) -> bytes:
    """The blob of a machine that decodes weights: packed where that is smaller, else as it is.

    Args:
        records: the scale records.
        weights: i8 [O, KH, KW, C]; of a depthwise kernel [KH, KW, C].
        cut: as `weight_codec.pack` takes it.
    """
    raw = records + weights.tobytes()
    if not target.array.decoded_weights:
        return raw
    channels_first = np.ascontiguousarray(np.moveaxis(weights, 2, 0)[..., None]) if depthwise else weights
    if max(channels_first.shape[1:3]) > _MAX_PACKED_KERNEL:
        return raw
    cores = target.array.cores if isinstance(target.array, MicroBlockArray) else 1
    packed = weight_codec.pack(channels_first, zp_w, depthwise, cores, cut=cut)
    # the stream starts on a boundary of its own; a blob that is no shorter than plain weights is told by its size
    data = records + bytes(-len(records) % weight_codec.ALIGN) + packed
    return data if len(data) < len(raw) else raw


@dataclass(frozen=True)
class StoredWeights:
    """The weights in a parameter blob, and what the instruction's fields say of them."""

    view: Operand
    packed: int = 0
    kernel_h: int = 0
    kernel_w: int = 0


def weights_part(params: Operand, channels: int, shape: Shape4) -> StoredWeights:
    """Where the weights lie in a parameter blob, and how.

    Args:
        shape: of the plain weights as the instruction takes them, its kernel in the middle.
    """
    records = RECORD.itemsize * channels
    plain = blob_part(params, records, shape)
    if params.elements >= records + plain.elements:
        return StoredWeights(plain)
    start = -(-records // weight_codec.ALIGN) * weight_codec.ALIGN
    return StoredWeights(blob_part(params, start, (1, 1, 1, params.elements - start)), 1, shape[1], shape[2])


def accumulator_limits(x: TensorType, weights: np.ndarray, bias: np.ndarray, zp_x: int, zp_w: int) -> Iterator[Refusal]:
    """The i32 accumulator must hold max |x - zp_x| * sum |w - zp_w| + |bias| of every output channel.

    Args:
        weights: i8 [O, ...], output channels first.
        bias: i32 or i64 [O].
    """
    low, high = RANGES[x.dtype]
    reach = max(zp_x - low, high - zp_x)
    sums = np.abs(weights.astype(np.int64) - zp_w).reshape(len(weights), -1).sum(axis=1)
    worst = int((sums * reach + np.abs(bias.astype(np.int64))).max())
    if worst > I32_MAX:
        yield Refusal("the accumulator of an output channel fits i32", str(worst), f"at most {I32_MAX}")


def field_limits(target: Target, strides: tuple[int, int], dilation: tuple[int, int], groups: int = 1) -> Iterator[Refusal]:
    """Strides and dilation are 8-bit fields of the instruction, groups a 16-bit field."""
    yield from at_most("stride is an 8-bit field", max(strides), 255)
    yield from at_most("dilation is an 8-bit field", max(dilation), 255)
    yield from at_most("groups is a 16-bit field", groups, 65535)
