# SPDX-License-Identifier: Apache-2.0
"""tosa.transpose_conv2d -> npu.conv2d, by phases of the stride where the result is i8, over a spread input where it is i32."""

from dataclasses import replace

import numpy as np
from torch_mlir import ir, rewrite

from npuc.dialects.base import build, spec_of, tensor_type
from npuc.numerics.rescale import Rescale
from npuc.ops import rescale as scalar
from npuc.ops._checks import RANGES
from npuc.ops._transpose_conv import PhaseAxis, phase_weights
from npuc.ops.base import NUMPY_DTYPES, TensorType
from npuc.ops.rescale_channels import RescaleChannels
from npuc.passes.base import defining, fused, uses
from npuc.passes.convert_tosa_to_npu._conv import BIAS, WEIGHTS, Convolution, convolution, padded
from npuc.passes.convert_tosa_to_npu._match import Tosa, reshaped

OPS = ("tosa.transpose_conv2d",)

# N, H, W, phase of H, phase of W, C -> N, H, phase of H, W, phase of W, C
_INTERLEAVED = (0, 1, 3, 2, 4, 5)


def convert(at: Tosa) -> ir.Value:
    """out_pad adds outputs in front and behind, and takes some away where it is negative."""
    weights, strides, out_pad = at.array(WEIGHTS, "weights"), at.integers("stride"), at.integers("out_pad")
    channels, kernel_h, kernel_w, _ = weights.shape
    if any(pad <= -extent for pad, extent in zip(out_pad, (kernel_h, kernel_h, kernel_w, kernel_w), strict=True)):
        raise at.refuse("out_pad is greater than -kernel", out_pad, f"rows above {-kernel_h}, columns above {-kernel_w}")
    found = convolution(at, channels)
    bias = np.broadcast_to(at.array(BIAS, "bias"), (channels,))
    _, height, width, _ = at.type().shape
    out_h = (height - 1) * strides[0] + out_pad[0] + out_pad[1] + kernel_h
    out_w = (width - 1) * strides[1] + out_pad[2] + out_pad[3] + kernel_w
    if min(out_h, out_w) < 1:
        raise at.refuse("the result has rows and columns", f"{out_h} x {out_w}", "at least 1 x 1")
    make = _by_phases if _narrowed(at) else _spread
    return at.finish(make(at, found, weights, bias, (out_h, out_w)))


def _narrowed(at: Tosa) -> bool:
    """Whether only a rescale to i8 reads the sums, so that bytes are interleaved and not words."""
    if uses(at.op.results[0]) != 1:
        return False
    reader = next(iter(at.op.results[0].uses)).owner.operation
    return reader.name == "tosa.rescale" and tensor_type(reader.results[0].type).dtype == "i8"


def _by_phases(at: Tosa, found: Convolution, weights: np.ndarray, bias: np.ndarray, image: tuple[int, int]) -> ir.Value:
    """One convolution with an output channel for each phase of the stride, interleaved; see `npuc.ops._transpose_conv`."""
    strides, out_pad = at.integers("stride"), at.integers("out_pad")
    n, height, width, _ = at.type().shape
    rows = PhaseAxis.of(height, image[0], weights.shape[1], strides[0], -out_pad[0])
    columns = PhaseAxis.of(width, image[1], weights.shape[2], strides[1], -out_pad[2])
    kernel = phase_weights(weights, rows, columns, found.zp_w)
    x, pads = padded(at, found, kernel.shape[1:3], (rows.before, rows.after, columns.before, columns.after))
    value = _conv2d(at, x, kernel, np.tile(bias, strides[0] * strides[1]), pads, found)
    value = _cut(at, value, (n, rows.outputs, columns.outputs, len(kernel)))
    if strides != (1, 1):
        value = reshaped(at, value, (n, rows.outputs, columns.outputs, *strides, len(weights)))
        value = at.make("transpose", [value], perm=_INTERLEAVED)
        value = reshaped(at, value, (n, rows.outputs * strides[0], columns.outputs * strides[1], len(weights)))
    return _cut(at, value, (n, *image, len(weights)))


def _spread(at: Tosa, found: Convolution, weights: np.ndarray, bias: np.ndarray, image: tuple[int, int]) -> ir.Value:
    """The kernel turned around over an input with stride - 1 rows and columns of the zero point between its own."""
    strides, out_pad, taps = at.integers("stride"), at.integers("out_pad"), weights.shape[1:3]
    wanted = [taps[i // 2] - 1 + pad for i, pad in enumerate(out_pad)]
    pads = tuple(min(pad, taps[i // 2] - 1) for i, pad in enumerate(wanted))
    # what is more than a convolution pads stands around the spread rows and columns
    top, bottom, left, right = (pad - kept for pad, kept in zip(wanted, pads, strict=True))
    x = found.x
    if (*strides, top, bottom, left, right) != (1, 1, 0, 0, 0, 0):
        x = at.make("resize", [x], scale_y=(strides[0], 1), scale_x=(strides[1], 1), offset=(-top, -left), border=(bottom, right), rounding="floor")
        _, height, width, _ = tensor_type(x.type).shape
        # repeated by now; all but the first of each becomes the zero point
        dtype = at.type().dtype
        mask = np.zeros((1, height, width, 1), NUMPY_DTYPES[dtype])
        mask[:, top : height - bottom : strides[0], left : width - right : strides[1]] = 1
        x = at.make("mul", [x, at.constant(mask)], zp_a=found.zp_x, rescale=Rescale((1 << 30,), (30,), found.zp_x, *RANGES[dtype]))
    return _conv2d(at, x, weights[:, ::-1, ::-1], bias, pads, found)


def _conv2d(at: Tosa, x: ir.Value, weights: np.ndarray, bias: np.ndarray, pads: tuple[int, ...], found: Convolution) -> ir.Value:
    operands = [x, at.constant(weights), at.constant(bias)]
    return at.make("conv2d", operands, TensorType((), at.result.dtype), pads=pads, zp_x=found.zp_x, zp_w=found.zp_w)


def _cut(at: Tosa, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    """The first positions of each dimension."""
    if tensor_type(value.type).shape == shape:
        return value
    return at.make("slice", [value], starts=(0,) * len(shape), sizes=shape, strides=(1,) * len(shape))


# a rescale behind it ---------------------------------------------------------------------------------


def _before_moves(view: ir.OpView, rewriter: rewrite.PatternRewriter) -> bool:
    """rescale(moves(conv2d)) -> moves(rescale(conv2d)): so the convolution can take it up, and bytes move instead of words."""
    op = view.operation
    spec = spec_of(op)
    assert isinstance(spec, scalar.Rescale | RescaleChannels)
    moves = _moves(op.operands[0])
    if not moves or spec.output.dtype != "i8" or spec.zp_x:
        return True
    source = moves[-1].operands[0]
    with rewriter.ip:
        kind = tensor_type(source.type)
        records = _tiled(spec.rescale, kind.shape[-1])
        cls = RescaleChannels if records.per_channel else scalar.Rescale
        value = build(cls.of(kind, output=TensorType((), "i8"), zp_x=0, rescale=records), [source], loc=op.location)
        for move in reversed(moves):
            moved = spec_of(move)
            narrow = replace(moved, inputs=(tensor_type(value.type),), output=replace(moved.output, dtype="i8"))
            value = build(narrow, [value], loc=fused(move, op))
    rewriter.replace_op(op, [value])
    return False


def _moves(value: ir.Value) -> list[ir.Operation]:
    """The movements between a transposed convolution's sums and `value`, the last first; [] where there is anything else."""
    found: list[ir.Operation] = []
    op = defining(value)
    while op is not None and op.name in ("npu.slice", "npu.reshape", "npu.transpose") and uses(op.results[0]) == 1:
        found.append(op)
        op = defining(op.operands[0])
    if op is None or op.name != "npu.conv2d" or uses(op.results[0]) != 1 or tensor_type(op.results[0].type).dtype != "i32":
        return []
    interleaved = [move for move in found if move.name == "npu.transpose"]
    return found if all(spec_of(move).perm == _INTERLEAVED for move in interleaved) else []  # type: ignore[attr-defined]


def _tiled(rescale: Rescale, channels: int) -> Rescale:
    """Records for all phases."""
    if not rescale.per_channel:
        return rescale
    phases = channels // len(rescale.multiplier)
    return replace(rescale, multiplier=rescale.multiplier * phases, shift=rescale.shift * phases)


FUSIONS = (("npu.rescale", _before_moves), ("npu.rescale_channels", _before_moves))
