# SPDX-License-Identifier: Apache-2.0
"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: around a convolution its dilation, anywhere else a new order of positions."""

from npuc.frontend.tflite._graph import Importer, Spread
from npuc.frontend.tflite._reader import FileOp
from npuc.ops.base import TensorType
from npuc.ops.pad import Pad
from npuc.ops.reshape import Reshape
from npuc.ops.slice import Slice
from npuc.ops.transpose import Transpose

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_VALID = 1


def _parameters(g: Importer, op: FileOp) -> tuple[tuple[int, int], tuple[int, ...]]:
    """Block of rows and columns; four widths: before and after rows, before and after columns."""
    block, widths = ([int(value) for value in g.constant(index).reshape(-1)] for index in op.inputs[1:3])
    if len(g.tensor(op.inputs[0]).shape) != 4 or len(block) != 2 or len(widths) != 4 or min(block) < 1 or min(widths) < 0:
        raise g.refuse(
            "shape, block and widths", found=(g.tensor(op.inputs[0]).shape, block, widths), wanted="an image, two extents, four widths"
        )
    return (block[0], block[1]), tuple(widths)


def space_to_batch(g: Importer, op: FileOp) -> None:
    """Positions of one residue modulo the block become an image of the batch."""
    (rows, columns), (top, bottom, left, right) = _parameters(g, op)
    x = op.inputs[0]
    spread = _dilated(g, op, (rows, columns), (top, bottom, left, right))
    if spread is not None:
        g.spread[op.outputs[0]] = spread
        return
    value = g.value(x)
    n, height, width, channels = g.tensor(x).shape
    if top or bottom or left or right:
        value = g.emit(Pad, [value], pads=(0, 0, top, bottom, left, right, 0, 0), value=g.zero_point(x))
        height, width = height + top + bottom, width + left + right
    if height % rows or width % columns:
        raise g.refuse("block", found=(height, width), wanted=f"padded rows and columns that {rows}, {columns} divide")
    dtype = g.tensor(x).dtype
    value = g.emit(Reshape, [value], TensorType((n, height // rows, rows, width // columns, columns, channels), dtype))
    value = g.emit(Transpose, [value], perm=(2, 4, 0, 1, 3, 5))
    g.finish(g.emit(Reshape, [value], TensorType((n * rows * columns, height // rows, width // columns, channels), dtype)))


def _dilated(g: Importer, op: FileOp, block: tuple[int, int], widths: tuple[int, ...]) -> Spread | None:
    """For a convolution alone between this and its inverse: stride 1, no padding of its own, nothing cut off before."""
    convolution = _only_reader(g, op.outputs[0])
    after = None if convolution is None or convolution.kind not in _CONVOLUTIONS else _only_reader(g, convolution.outputs[0])
    if convolution is None or after is None or after.kind != "BATCH_TO_SPACE_ND" or after.inputs[0] != convolution.outputs[0]:
        return None
    options = convolution.options
    plain = (options.get(name) == 1 for name in ("StrideH", "StrideW", "DilationHFactor", "DilationWFactor"))
    if convolution.inputs[0] != op.outputs[0] or options.get("Padding") != _VALID or not all(plain):
        return None
    other, crops = _parameters(g, after)
    if other != block or crops[0] or crops[2] or g.tensor(op.inputs[0]).shape[0] != 1:
        return None
    pads = (widths[0], max(0, widths[1] - crops[1]), widths[2], max(0, widths[3] - crops[3]))
    return Spread(g.value(op.inputs[0]), block, pads)


def _only_reader(g: Importer, index: int) -> FileOp | None:
    readers = [op for op in g.graph.ops if index in op.inputs]
    return readers[0] if len(readers) == 1 and index not in g.graph.outputs else None


def batch_to_space(g: Importer, op: FileOp) -> None:
    """The inverse, less what is cut off."""
    (rows, columns), (top, bottom, left, right) = _parameters(g, op)
    x, wanted = op.inputs[0], g.tensor(op.outputs[0])
    if x in g.gathered:
        value, start = g.gathered[x], (0, 0, 0, 0)
    else:
        n, height, width, channels = g.tensor(x).shape
        if n % (rows * columns):
            raise g.refuse("batch", found=n, wanted=f"a multiple of {rows * columns}")
        images = n // (rows * columns)
        value = g.emit(Reshape, [g.value(x)], TensorType((rows, columns, images, height, width, channels), wanted.dtype))
        value = g.emit(Transpose, [value], perm=(2, 3, 0, 4, 1, 5))
        value = g.emit(Reshape, [value], TensorType((images, height * rows, width * columns, channels), wanted.dtype))
        start = (0, top, left, 0)
    if tuple(value.type.shape) != wanted.shape:
        value = g.emit(Slice, [value], starts=start, sizes=wanted.shape, strides=(1, 1, 1, 1))
    g.finish(value)


CONVERTERS = {"SPACE_TO_BATCH_ND": space_to_batch, "BATCH_TO_SPACE_ND": batch_to_space}
